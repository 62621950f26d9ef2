# SPDX-License-Identifier: MIT
"""What each test needs of its server, beyond what all kinds have. A test whose server lacks it is left out of the run.

With another kind of server (SENTRYFS_DIALECT) what a test says in general terms holds there too; what is about something
that the kind lacks, or about the very requests that go to sentry.io, is named here. test_mount_dialects.py says what
happens in its place.
"""

import re

GLITCHTIP = {"limits", "activity", "platform", "substatus", "conditions", "commits", "priority", "flags", "merge", "bulk",
             "oldest", "full-pages", "attachments", "short-ids", "parts", "words", "bodies", "terms", "sentry"}
# "sentry": the first requests as sentry.io gets them; "words": its sentences; "bodies": a PUT of one member alone;
# "parts": cursors that can be made up; "limits": headers that tell the rate limits
LACKS = {
    "sentry": set(),
    "self-hosted": {"limits", "substatus", "priority", "sentry"},
    "glitchtip": GLITCHTIP,
    "glitchtip-old": GLITCHTIP | {"assignee", "releases"},
}

# file, test (a regular expression of its name with its parameters), what it needs
TESTS = {
    "test_commands.py": {r"test_within_the_rate_limit": "limits"},
    "test_mount_answers.py": {
        r"test_an_issue_that_was_merged_away_.*": "merge",
        r"test_an_attachment_.*": "attachments",
        r"test_an_event_.*": "full-pages",
        r"test_(a_row_is_not_older_than_a_refresh|nor_is_what_was_under_way)": "short-ids",
    },
    "test_mount_cost.py": {r"test_a_triage_costs_less_than_through_json\[.*\]": "words"},  # its figures are of Sentry's JSON
    "test_mount_life.py": {r"test_two_hundred_who_hang_can_all_be_interrupted\[.*\]": "oldest"},
    "test_mount_limits.py": {
        r"test_sixteen_greps_and_a_person": "limits",
        r"test_refused_by_another_client_is_waited_out_without_a_storm": "limits",
    },
    "test_mount_offline.py": {
        r"test_a_network_that_swallows_everything": "short-ids",
        r"test_a_region_.*": "sentry",
        r"test_a_name_that_is_lost_under_a_mount\[.*\]": "activity",
        r"test_tls_that_fails_under_a_mount\[.*\]": "activity",
        r"test_what_was_seen_stays_and_all_comes_back": "short-ids",
    },
    "test_mount_hostile.py": {r"test_json_is_exact_and_values_are_a_line": "platform"},
    "test_mount_privileges.py": {
        r"test_mount_read_write_unmount": "flags",
        r"test_allow_other_lets_them_read_and_not_write": "flags",
    },
    "test_mount_renderings.py": {
        r"test_a_text_is_the_stored_one\[summary.txt-.*\]": "substatus",
        r"test_a_text_is_the_stored_one\[.*\]": "platform",
        r"test_a_summary_without_.*": "short-ids",
        r"test_a_write_is_seen_at_once": "substatus",
        r"test_each_event_is_listed_with_its_text": "oldest",
        r"test_what_to_type_next_is_there": "priority",
    },
    "test_mount_search.py": {
        r"test_a_value_for_every_issue_of_a_result": "priority",
        r"test_without_a_lifetime_the_rows_are_asked_for_by_their_ids\[.*\]": "sentry",
        r"test_an_index_has_a_line_for_each_issue": "priority",
        r"test_a_write_is_in_the_index_at_once": "priority",
        # the rest is in Sentry's language: test_mount_dialects.py has what is GlitchTip's
        r"test_(?!a_value_for_every|without_a_lifetime|an_index_has|a_write_is_in).*": "terms",
    },
    "test_mount_secrets.py": {
        r"test_me_is_not_sent_for_the_user_of_before\[.bulk.*": "bulk",
        r"test_me_is_(whose|not)_.*": "assignee",
        r"test_the_token_is_found_nowhere\[.*\]": "short-ids",
        r"test_a_redirect_gets_no_token\[.*\]": "short-ids",
        r"test_a_token_that_was_rotated_is_read_again": "flags",
        r"test_tls_with_an_authority_of_ones_own": "flags",
    },
    "test_mount_status.py": {
        r"test_status_of_a_new_mount": "sentry",
        r"test_status_tells_the_rate_limits_that_the_server_told": "limits",
        r"test_an_issues_attributes_are_its_fields": "substatus",
        r"test_sigusr1_writes_a_state_line": "sentry",
    },
    "test_mount_stream.py": {r"test_.*": "parts"},
    "test_mount_audit.py": {
        r"test_what_was_not_done_is_not_said_to_be": "flags",
        r"test_in_the_foreground_it_goes_to_the_terminal": "assignee",
    },
    "test_mount_budget.py": {
        r"test_budget_of_a_(directory|file)\[.*(recent|by-assignee).*\]": "terms",
        # the list of events has them whole there, so these cost nothing
        r"test_budget_of_a_file\[.*issues/<issue>/events/(<event>|latest).*\]": "full-pages",
        r"test_one_file_on_a_cold_mount": "sentry",
        r"test_budget_of_a_directory\[.*<project>/issues/\]": "sentry",
        r"test_budget_of_a_directory\[.*attachments/\]": "attachments",
        r"test_budget_of_a_directory\[.*events/\]": "oldest",
        r"test_budget_of_a_file\[.*SHORT-ID.*\]": "short-ids",
        r"test_budget_of_a_file\[.*activity.jsonl\]": "activity",
        r"test_budget_of_a_file\[.*attachments.*\]": "attachments",
        r"test_budget_of_a_file\[.*(oldest|recommended).*\]": "oldest",
        r"test_budget_of_a_file\[.*assignedTo.*\]": "assignee",
        r"test_every_other_file_costs_nothing": "substatus",
        r"test_every_directory_of_the_tree_has_a_budget": "attachments",
        r"test_budget\[.*activity.*\]": "activity",
        r"test_budget\[.*oldest.*\]": "oldest",
        r"test_budget\[.*attachments.*\]": "attachments",
        r"test_short_pages_are_followed": "words",      # Sentry's filter that runs behind the paging
    },
    "test_mount_dialects.py": {r"test_.*": "sentry"},   # names its servers itself: once is enough
    "test_mount_docs.py": {
        r"test_the_newcomers_dialogue": "bodies",
        r"test_the_first_steps_work_as_they_stand": "assignee",
        r"test_search_tools_leave_out_what_only_takes_commands\[.*\]": "merge",
    },
    "test_mount_examples.py": {
        r"test_example\[.*(by-assignee|sort=freq).*\]": "terms",
        r"test_example\[.*activity.*\]": "activity",
        r"test_example\[.*assignedTo.*\]": "assignee",
        r"test_example\[.*priority.*\]": "priority",
        r"test_example\[.*hasSeen.*\]": "flags",
        r"test_the_manuals_examples": "priority",
    },
    "test_mount_faults.py": {
        r"test_each_bad_answer_has_its_errno_and_line\[.*\]": "short-ids",      # its rules look for the short id
        r"test_a_429_is_waited_out": "short-ids",
        r"test_ctrl_c_ends_a_reader_of_a_hung_server_in_100_ms\[readlink.*\]": "oldest",
    },
    "test_mount_listing.py": {
        r"test_pages_of_events_side_by_side\[.*\]": "parts",
        r"test_parts_side_by_side_are_the_listing_in_order": "parts",
        r"test_a_server_that_takes_no_made_up_cursor_is_asked_in_order\[answer0\]": "parts",
        r"test_issues_that_move_while_it_is_listed_are_neither_lost_nor_twice": "parts",
    },
    "test_mount_random.py": {r"test_nothing_wrong_under_random_faults": "substatus"},
    "test_mount_read.py": {
        r"test_real_events_keep_their_literals": "sentry",      # the events are Sentry's own
        r"test_a_link_is_listed_where_the_listing_tells_where_it_leads\[.*\]": "oldest",
        r"test_an_issue_has_every_file_of_the_table": "substatus",
        r"test_fields_are_the_issues_own": "substatus",
        r"test_events": "oldest",
        r"test_an_event_by_id_in_its_project": "oldest",
        r"test_comments_and_activity": "activity",
        r"test_other_names_are_symlinks": "short-ids",
        r"test_assigned_to_prints_what_can_be_written": "assignee",
        r"test_no_such_issue": "short-ids",
    },
    "test_mount_remove.py": {
        r"test_remove\[(rmdir A B: mount|mv to elsewhere: .*), .*\]": "short-ids",      # of 3,000 issues
        r"test_remove\[a token that is found out, .*\]": "sentry",
        r"test_remove\[a token that may not delete, .*\]": "words",
    },
    "test_mount_scale.py": {
        r"test_parts_come_side_by_side": "parts",
        r"test_readers_within_the_limits": "limits",
    },
    "test_mount_scopes.py": {r"test_what_each_set_of_scopes_mounts\[.*\]": "words"},
    "test_mount_store.py": {
        r"test_a_second_mount_asks_for_nothing_that_was_seen": "sentry",
        r"test_an_issue_is_known_by_its_name_in_the_organization": "sentry",
        r"test_two_mounts_at_once": "sentry",
        r"test_own_write_is_there_at_the_next_mount\[.*\]": "priority",
    },
    "test_mount_write.py": {
        r"test_status\[.*\]": "substatus",
        r"test_unresolved": "substatus",
        r"test_an_archived_issue_changes_its_flavour_in_two_requests": "substatus",
        r"test_a_flavour_whose_second_request_fails_says_where_the_issue_is_now": "conditions",
        r"test_priority": "priority",
        r"test_flags\[.*\]": "flags",
        r"test_what_cat_prints_can_be_written_back": "priority",
        r"test_an_equal_value_sends_nothing": "priority",
        r"test_what_is_refused\[echo x > .*/substatus\]": "substatus",
        r"test_what_sends_nothing\[merge\]": "merge",
        r"test_assigned_to\[.*\]": "bodies",
        r"test_assign_to_nobody_known\[.*\]": "bodies",
        r"test_a_team_that_is_not_there": "bodies",
        r"test_bad_status\['resolved in.*\]": "releases",
        r"test_an_equal_status_with_details_sends_nothing\[.*\]": "releases",
        r"test_teams_and_me_are_asked_for_once": "assignee",
        r"test_the_server_says_why_an_assignee_will_not_do\[.*\]": "assignee",
        r"test_bad_assignee\[.*\]": "assignee",
        r"test_what_sends_nothing\[assignedTo\]": "assignee",
        r"test_unassign\[.*\]": "bodies",
        r"test_white_space_behind_a_value_is_around_it\[.*\]": "bodies",
    },
    "test_mount_write_answers.py": {
        r"test_last_error_is_empty_after_a_success": "priority",
        r"test_success_only_when_the_answer_shows_it": "priority",
        r"test_the_servers_400_names_the_release": "words",
        r"test_a_server_that_ignores_the_details\[resolved in @commit.*\]": "commits",
        r"test_a_server_that_ignores_the_details\[ignored.*\]": "conditions",
        r"test_a_server_that_ignores_the_details\[resolved.*\]": "releases",
        r"test_a_bulk_answer_that_does_not_show_the_value": "bulk",
        r"test_without_an_answer_who_had_it_before_proves_nothing\[.*\]": "assignee",
        r"test_nor_does_it_of_several_issues": "bulk",
    },
    "test_mount_write_modes.py": {
        r"test_a_403_teaches_what_is_missing\[.*\]": "sentry",
        r"test_modes_tell_what_the_token_may\[.*\]": "merge",
        r"test_modes_under_ro": "merge",
        r"test_nothing_is_written_under_ro\[.*merge\]": "merge",
    },
    "test_mount_write_text.py": {
        r"test_a_new_comment": "activity",
        r"test_a_token_without_a_user_cannot_comment": "words",
        r"test_merge.*": "merge",
        r"test_whoever_closes_a_copy_is_told_of_what_was_never_sent": "merge",
        r"test_a_name_that_is_not_looked_up_in_time_is_not_said_to_be_none": "merge",
        # older GlitchTips have others' comments elsewhere, and `me` is never asked for
        r"test_(the_same_words_of_somebody_else_are_not_ours|a_comment_is_found_behind_a_newer_one)": "assignee",
        r"test_status_details": "releases",
        r"test_status_details_do_not_resolve_what_others_reopened": "releases",
        r"(?s)test_a_rename_never_clears_a_field\[assignedTo.*\]": "assignee",
        r"test_bulk": "substatus",
        r"test_bulk_controls\[.*\]": "bulk",
        r"test_bulk_priority_and_seen": "priority",
        r"test_bulk_into_another_flavour": "substatus",
        r"test_a_hundred_and_fifty_are_two_requests": "flags",
        r"test_members_that_only_the_server_sets_are_dropped": "conditions",
        r"test_status_details_as_read_can_be_written_back\[.*\]": "conditions",
        r"test_the_servers_word_on_status_details": "words",
    },
    "test_mount_write_views.py": {
        r"test_a_version_does_not_end_where_a_shorter_one_does": "assignee",
        r"test_every_view_shows_it_at_once": "substatus",
        r"test_two_writers_of_one_issue_come_one_after_the_other": "priority",
        r"test_a_write_is_not_undone_by_a_listing_that_began_before_it": "flags",
        r"test_a_write_is_not_undone_by_details_that_were_asked_for_before_it": "short-ids",
        r"test_a_write_on_a_cold_mount": "short-ids",
        r"test_members_that_a_put_does_not_answer_stay": "flags",
        r"test_mtime_of_a_flipped_flag": "flags",
    },
    "test_mount_writers.py": {r"test_an_editor_on_status_details\[.*\]": "conditions"},
}
# with each kind of server in every run; removing is in test_mount_dialects.py
CORE = ("test_mount_read.py", "test_mount_listing.py", "test_mount_write.py", "test_mount_write_views.py",
        "test_mount_faults.py")


def has(dialect, file, name):
    """Does that kind of server have what the test needs?"""
    return not any(re.fullmatch(pattern, name) and need in LACKS[dialect]
                   for pattern, need in TESTS.get(file, {}).items())
