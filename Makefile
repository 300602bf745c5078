# The two commands are `make demo` and `make test`; both need Rust, Go and Python 3, and nothing else.
# What they build once is kept outside of this folder: see `cargo run --bin sandbox -- --help`.

CARGO ?= cargo
TARGET = $(or $(CARGO_TARGET_DIR),target)

.PHONY: demo test sandbox bench live lint

# The main job, told step by step on real parts.
demo:
	$(CARGO) build --workspace --all-targets
	$(TARGET)/debug/demo

# Every test.
test: lint
	$(CARGO) build --workspace --all-targets
	$(TARGET)/debug/sandbox build
	$(CARGO) test --workspace

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings

# The real parts, left running until Ctrl-C.
sandbox:
	$(CARGO) build --workspace
	$(TARGET)/debug/sandbox

# What the sandbox supplies in AWS's place, asked of a real account: only where GROUNDPLAN_LIVE_ACCOUNT names
# it, and AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong to it. Without it: the list.
live:
	$(CARGO) run --bin live

# How fast, against the ceiling of the same servers and against kubectl.
bench:
	$(CARGO) build --release --workspace
	$(TARGET)/release/bench
