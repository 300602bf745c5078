//! What may go wrong between the product and Slack, with the test that shows what is done then.
//!
//! Numbers 104 to 113 of the list of faults that this product was designed against.

use infra_tests::faults::{Fault, check};

const FAULTS: &[Fault] = &[
    (
        104,
        "a bad or missing signature, a wrong clock",
        "refused before it is read",
        &["acceptance_10_what_is_forged_old_replayed_or_doubly_signed_is_refused"],
    ),
    (
        105,
        "replay, double click, two people at once",
        "one run",
        &[
            "acceptance_7_and_8_of_two_who_ask_one_syncs_and_an_old_message_is_refused",
            "acceptance_7_two_replicas_make_one_case_one_message_and_one_sync",
            "presses_by_socket_mode",
            "an_envelope_is_acknowledged_by_its_id_and_pressed_once",
        ],
    ),
    (
        106,
        "somebody who may not, another workspace",
        "refused, and told why",
        &[
            "acceptance_12_rules_from_the_branch_decide_and_rules_that_cannot_be_read_allow_nothing",
            "acceptance_12_guests_strangers_and_those_who_left_have_no_say_whatever_the_rules_say",
            "acceptance_12_a_user_group_counts_as_slack_says_now_and_one_that_cannot_be_read_has_nobody_in_it",
        ],
    ),
    (
        107,
        "an old message after a newer plan",
        "refused: the case has moved on",
        &["acceptance_7_and_8_of_two_who_ask_one_syncs_and_an_old_message_is_refused", "presses_by_http"],
    ),
    (
        108,
        "Slack down, slow, throttling, without the channel, with a lost answer",
        "no look fails, nothing is lost",
        &[
            "acceptance_5_slack_is_down_and_no_look_fails_and_the_latest_is_told_once",
            "acceptance_6_a_storm_of_429_changes_no_order_and_no_channel_hears_more_than_one_a_second",
            "an_answer_of_slacks_that_is_lost_leaves_one_message",
            "a_revoked_token_stops_no_look_and_says_so",
            "a_postponed_message_waits_and_another_channel_does_not",
        ],
    ),
    (
        109,
        "three seconds for an acknowledgement",
        "acknowledged before the work",
        &["a_press_arrives_by_socket_mode_and_is_acknowledged_at_once", "a_press_arrives_by_http"],
    ),
    (
        110,
        "a storm of alerts",
        "ten messages and one list",
        &["acceptance_16_many_drifts_at_once_are_ten_messages_and_one_list"],
    ),
    (
        111,
        "more than a message holds",
        "cut with a count and a command",
        &[
            "a_refused_message_is_told_more_plainly_until_it_is_taken",
            "five_hundred_changes_fill_three_sections_and_the_rest_is_counted",
        ],
    ),
    (
        112,
        "a body too large, or one that is none",
        "refused",
        &[
            "acceptance_10_a_body_of_fifty_megabytes_is_refused_before_it_is_read",
            "no_payload_however_broken_is_more_than_malformed",
        ],
    ),
    (113, "no signing secret", "there is no way in", &["without_a_signing_secret_nothing_is_taken_by_http"]),
];

#[test]
fn every_fault_of_the_channel_has_a_test_that_is_there() {
    check(FAULTS);
}
