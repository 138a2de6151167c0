"""Cases that run in CI's slow part: others of their kind stay among the README's tests, which take under five minutes.

What is slow for another reason than its number (a library, a browser, a simulator) carries the mark itself.
"""

import re

SLOW_CASES = {
    "analysis/test_calibration.py": r"\[thorough",
    "averages/test_cuda_averages.py": r"",
    "benchmarks/test_benchmarks.py": r"our_side_of|[nN]etworks",
    "benchmarks/test_same_numbers.py": r"agreed_set_is_run",
    "catalogue/test_bias_correction.py": r"rule_with_a_correction\[(?!.*\badam\b)",
    "catalogue/test_optimizer_identities.py": r"sign_equivariant\[(?!adam|gd|momentum|rmsprop)",
    "catalogue/test_optimizers.py": r"many_lanes\w*\[(?!adam|gd|lamb|muon)|\[float32-(?!adam-|gd-)|shampoo",
    "catalogue/test_siblings.py": r"runs_them_in_workers",
    "catalogue/test_wrappers.py": r"follows_its_twin\[lamb",
    "checks/test_checks.py": r"passes\[(?!problem-rosenbrock|optimizer-adam\b|schedule-)|problem_is_caught\[.*[a-m]\]$",
    "cli/test_failed_runs.py": r"bad_schedule_and_a_rule",
    "cli/test_fuzz_ewa.py": r"any_file",
    "cli/test_markup.py": r"test_folders\[(?!a )",
    "cli/test_plugin_commands.py": r"reason_why_a_rule|cannot_run_is_told|loop_for_ever",
    "cli/test_stopping.py": r"while_loading.*SIG(HUP|TERM)",
    "cli/test_sweep_command.py": r"older_than_the_tables|is_named_and_a_dummy|nothing_of_a_dry_run_is_cut\[(?!80)",
    "compiler/test_cuda_ptx.py": r"",
    "compiler/test_kernel_cache.py": r"",
    "compiler/test_kernel_files.py": r"command_tells",
    "compiler/test_hoisting.py": r"other_settings_are_their_rows",
    "compiler/test_problem_kernels.py": r"among_others",
    "contract/test_composition.py": r"three_wrappers_nest",
    "datasets/test_fuzz_files.py": r"any_file",
    "engine/test_clock.py": r"mlp",
    "engine/test_cohort.py": r"mlp",
    "engine/test_eager_problems.py": r"compiled_twin\[.*float32",
    "figures/test_highlights.py": r"best_ten_are_in_color\[(?!rosenbrock)",
    "figures/test_odd_tables.py": r"says_why_not\[(?!one run)",
    "figures/test_comparisons.py": r"all_diverged",
    "problems/test_problem_minima.py": r"\[(convolution|autoencoder|softmax|char_transformer\])",
    "problems/test_problem_saddles.py": r"grid_of_starts",
    "problems/test_problems.py": r"float32_is_close.*\[(?!rosenbrock\]|logistic\])|\[(convol|auto|(char|rnn)_)\w+\]",
    "report/test_exports.py": r"latex_is_balanced_and_escaped\[(?!ranking)",
    "report/test_report.py": r"same_tables_same_page",
    "sweeps/test_damage.py": r"never_taken_for_a_result",
    "sweeps/test_dask.py": r"cannot_see",
    "sweeps/test_extend.py": r"nothing_else\[base[1-4]|print_works_as_printed",
    "sweeps/test_fuzz_folders.py": r"test_reading",
    "sweeps/test_isolation.py": r"leaves_behind|one_line\[(?!leaves-loaded)",
    "sweeps/test_looks.py": r"is_a_look\[spec0",
    "sweeps/test_merge.py": r"whole_would\[3",
    "sweeps/test_serialization.py": r"says_once",
    "sweeps/test_points.py": r"by_pieces",
    "sweeps/test_resume.py": r"same_bytes\[killed",
    "sweeps/test_sequences.py": r"extensions|merges\[1",
    "sweeps/test_session.py": r"takes_no_other_down|place_of_a_column\[(?!seed)",
    "sweeps/test_signals.py": r"command_that_goes_on\[SIG(HUP|TERM)|among_many",
    "sweeps/test_stages.py": r"sweep_is_killed_in|deadline_cut_at_once|answer_names\[3|judging_by_another",
    "sweeps/test_time_limit.py": r"the_rest_goes_on\[blocks",
    "sweeps/test_unfinished.py": r"what_is_missing_is_said\[(?!in the screen)",
    "sweeps/test_widening.py": r"natural_limits|halved_in_a_grid",
    "test_guest.py": r"leaves_the_process_as_it_was\[(?!sweep|minimize)",
    "test_packaging.py": r"from_the_wheel",
    "test_workers.py": r"kind_was_skipped_whole",
    "test_wrong_values.py": r"test_wrong_values_are_refused\[(?!minimize|load)",
}
"""By file, a regular expression that the test's name and parameters match."""


def is_slow_case(file: str, name: str) -> bool:
    """Return whether the test of that name, with its parameters, is one of SLOW_CASES."""
    return file in SLOW_CASES and re.search(SLOW_CASES[file], name) is not None
