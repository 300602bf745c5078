//! Every bad thing that may happen to a graph of stacks, with the test that shows what is done then.
//!
//! The numbers are those of the list of faults that this product was designed against: 1 to 32 are
//! bad files, 33 to 42 the graph, 58 to 84 CloudFormation. A row without a test fails here.

use infra_tests::faults::{self, Fault};

const FAULTS: &[Fault] = &[
    (
        1,
        "broken YAML, in many files",
        "all told in one run",
        &["all_mistakes_are_told_in_one_run_with_file_line_and_column"],
    ),
    (2, "a key written twice", "error at both lines", &["every_key_written_twice_is_reported_with_both_lines"]),
    (3, "two documents run together", "error", &["text_that_is_hardly_yaml_is_told_or_read_as_it_was_meant"]),
    (4, "an alias bomb", "error, bounded", &["an_alias_bomb_runs_into_the_budget"]),
    (5, "an anchor within itself", "error", &["aliases_to_nothing_or_to_themselves_are_refused"]),
    (6, "20,000 levels", "error, no overflow", &["what_is_too_deep_is_refused"]),
    (7, "an alias to nothing", "error", &["aliases_to_nothing_or_to_themselves_are_refused"]),
    (8, "a merge key", "merged", &["merge_keys_are_merged_and_local_keys_win"]),
    (9, "an unknown key", "error, did you mean", &["all_mistakes_are_told_in_one_run_with_file_line_and_column"]),
    (10, "an unknown tag", "error", &["a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one"]),
    (11, "tabs as indent", "error", &["text_that_is_hardly_yaml_is_told_or_read_as_it_was_meant"]),
    (12, "a byte order mark", "accepted", &["text_that_is_hardly_yaml_is_told_or_read_as_it_was_meant"]),
    (
        13,
        "UTF-16, Latin-1",
        "error",
        &["text_that_is_hardly_yaml_is_told_or_read_as_it_was_meant", "bytes_that_are_not_text_are_refused"],
    ),
    (14, "control characters", "error", &["text_that_is_hardly_yaml_is_told_or_read_as_it_was_meant"]),
    (15, "CRLF", "accepted, the same value", &["text_that_is_hardly_yaml_is_told_or_read_as_it_was_meant"]),
    (
        16,
        "a scalar that tools read differently",
        "warning or error",
        &["each_dialect_sends_a_plain_scalar_as_its_tool_does"],
    ),
    // Passed over, an emptied file would be a removed stack.
    (17, "an empty stack file", "error", &["a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one"]),
    (18, "an empty tree", "deletes nothing", &["an_empty_tree_deletes_nothing"]),
    (19, "a file over its limit", "error naming it", &["too_large_a_file_is_refused_by_name"]),
    (
        20,
        "a template of a templating language",
        "error",
        &["a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one"],
    ),
    (21, ".yml and .YAML", "warning", &["a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one"]),
    (
        22,
        "no mapping at the top",
        "error",
        &["a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one"],
    ),
    (24, "two files, one stack", "error naming both", &["every_fault_of_a_repository_is_told_in_one_run"]),
    (25, "one object twice", "error naming both", &["an_object_of_two_workloads_is_told_with_both_names"]),
    (
        26,
        "names that differ by case",
        "error",
        &["a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one"],
    ),
    (27, "no account, no region", "error", &["a_template_that_cannot_be_is_told_where_it_is_named_or_at_its_line"]),
    (28, "a name that is no stack's", "error", &["a_template_that_cannot_be_is_told_where_it_is_named_or_at_its_line"]),
    (
        29,
        "a template that is not there",
        "error",
        &["a_template_that_cannot_be_is_told_where_it_is_named_or_at_its_line"],
    ),
    (30, "a parameter too many or missing", "error", &["every_fault_of_a_repository_is_told_in_one_run"]),
    (
        31,
        "more than CloudFormation takes",
        "error",
        &[
            "a_template_that_cannot_be_is_told_where_it_is_named_or_at_its_line",
            "a_stack_file_that_is_no_stack_is_told_and_never_taken_for_a_removed_one",
        ],
    ),
    (32, "a time that is none", "error", &["a_stack_file_says_how_long_and_its_word_counts_before_the_operators"]),
    (
        33,
        "a cycle, also of exports",
        "error with each line",
        &["an_edge_that_leads_nowhere_or_round_is_told_with_every_line_of_it"],
    ),
    (
        34,
        "a unit that waits for itself",
        "error",
        &["an_edge_that_leads_nowhere_or_round_is_told_with_every_line_of_it"],
    ),
    (
        35,
        "a unit that is not there",
        "error, nearest name",
        &["an_edge_that_leads_nowhere_or_round_is_told_with_every_line_of_it"],
    ),
    (
        36,
        "an output that is not declared",
        "error",
        &["an_edge_that_leads_nowhere_or_round_is_told_with_every_line_of_it"],
    ),
    (
        37,
        "a stack outside of the repository",
        "declared external, read only, awaited by those who need it",
        &["a_stack_of_others_is_read_never_touched_and_awaited_only_by_those_who_need_it"],
    ),
    (38, "10,000 units, a row of 5,000", "no matter", &["ten_thousand_units_and_a_row_of_five_thousand_are_no_matter"]),
    (
        39,
        "an edge across accounts and regions",
        "allowed",
        &["an_output_crosses_accounts_and_regions_and_follows_its_change"],
    ),
    (
        40,
        "a unit removed that others need",
        "error",
        &["an_edge_that_leads_nowhere_or_round_is_told_with_every_line_of_it"],
    ),
    (41, "deletion", "in reverse", &["destroying_runs_in_reverse"]),
    (42, "a failed unit", "siblings go on", &["a_stack_that_fails_stops_what_waits_for_it_and_nothing_else"]),
    (58, "throttling", "slower, nothing fails", &["few_calls_a_second_make_it_slow_and_fail_nothing"]),
    (59, "an answer lost after the deed", "one effect", &["an_answer_that_got_lost_is_one_effect_only"]),
    (
        60,
        "a change set without changes",
        "no change, taken away",
        &["a_change_set_without_changes_is_no_change_and_is_taken_away"],
    ),
    (
        61,
        "REVIEW_IN_PROGRESS",
        "created",
        &[
            "every_status_is_answered_as_the_table_says",
            "no_status_but_a_settled_one_is_deleted_or_looked_at_for_drift",
        ],
    ),
    (
        62,
        "ROLLBACK_COMPLETE",
        "made again, unless it holds something",
        &[
            "a_first_creation_that_failed_is_explained_and_made_again",
            "a_failed_first_creation_that_kept_something_is_not_deleted",
        ],
    ),
    (
        63,
        "UPDATE_ROLLBACK_FAILED",
        "left alone, both ways out",
        &["a_stuck_rollback_is_diagnosed_and_only_its_second_failure_offers_to_skip"],
    ),
    (
        64,
        "somebody else at work",
        "waited for within bounds",
        &[
            "a_stack_somebody_works_on_is_waited_for",
            "a_stack_that_stays_busy_is_told_with_who_works_on_it",
            "every_status_of_somebody_at_work_is_waited_for_and_then_told_with_the_next_command",
        ],
    ),
    (65, "DELETE_FAILED", "what is in the way", &["a_failure_inside_a_nested_stack_is_told_from_there"]),
    (
        66,
        "a template over 51,200 bytes, over 1 MB",
        "a bucket, an error",
        &[
            "a_large_template_goes_through_the_operators_bucket",
            "a_template_larger_than_any_bucket_helps_is_an_error_at_the_template",
        ],
    ),
    (
        67,
        "the bucket is missing or somebody else's",
        "error before any change",
        &[
            "a_large_template_goes_through_the_operators_bucket",
            "a_template_bucket_that_is_denied_is_told_before_any_change",
        ],
    ),
    (
        68,
        "somebody took or executed the change set",
        "stale plan",
        &["a_change_set_that_somebody_took_or_executed_is_a_stale_plan"],
    ),
    (
        69,
        "data would be replaced or deleted",
        "needs its word",
        &["what_replaces_or_deletes_data_is_named_and_needs_its_word"],
    ),
    (
        70,
        "stack policy, termination protection",
        "reported as it is",
        &["what_a_stack_policy_denies_is_reported_in_its_words", "protection_is_switched_in_git_before_a_stack_can_go"],
    ),
    (71, "a missing capability", "error at plan", &["a_missing_capability_is_told_at_plan_with_its_line"]),
    (72, "credentials end", "replaced and proven again", &["keys_that_end_within_a_run_are_replaced_and_proven_again"]),
    (
        73,
        "a role denied, a wrong account",
        "nothing sent",
        &[
            "a_role_that_may_not_be_assumed_and_a_region_switched_off_are_named",
            "a_wrong_account_is_refused_and_environments_do_not_touch_each_other",
        ],
    ),
    (
        74,
        "a region switched off",
        "error naming it",
        &["a_role_that_may_not_be_assumed_and_a_region_switched_off_are_named"],
    ),
    (75, "not supported, detection failed", "not checked", &["a_failed_detection_is_not_a_clean_stack"]),
    (76, "detection already running", "its result serves", &["a_detection_that_somebody_else_began_serves_as_well"]),
    (
        77,
        "drift in a nested stack",
        "told by the way to it",
        &["drift_inside_is_told_by_the_way_to_it_and_left_to_a_person"],
    ),
    (78, "nothing can be put back", "said so", &["drift_that_cannot_be_put_back_is_said_to_be_so"]),
    (
        79,
        "an export in use",
        "refused naming importers",
        &[
            "what_holds_data_or_is_imported_says_so_before_it_goes",
            "an_export_in_use_is_not_taken_away_and_its_importers_are_named",
        ],
    ),
    (
        80,
        "an output changes",
        "those made from it follow",
        &["an_output_crosses_accounts_and_regions_and_follows_its_change"],
    ),
    (81, "a secret changed", "hidden, and sent", &["a_changed_secret_is_told_as_hidden_and_sent"]),
    (82, "more than a page", "all read", &["a_cause_on_a_later_page_of_events_is_found"]),
    (
        83,
        "not told of right after its creation",
        "waited for",
        &["a_stack_that_is_not_told_of_right_after_its_creation_is_waited_for"],
    ),
    (84, "deleted by hand", "made again", &["a_stack_that_fails_stops_what_waits_for_it_and_nothing_else"]),
];

#[test]
fn every_fault_has_a_test_that_is_there() {
    faults::check(FAULTS);
}
