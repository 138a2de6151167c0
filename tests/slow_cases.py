"""Cases that run in CI's slow part: others of their kind stay among the README's tests, which take under five minutes.

What is slow for another reason than its number (a library, a browser, a simulator) carries the mark itself.
"""

import re

SLOW_CASES = {
    "analysis/test_calibration.py": (
        r"\[thorough|clones_are_not|naive_t_test|looking_again|named_decide|ties_are_clones|planted_effects|made_again"
    ),
    "analysis/test_folders.py": r"clones_are_seldom|follows_from_the_inter",
    "analysis/test_labels_change_no_number.py": r"labels[12]|labels",
    "analysis/test_power.py": r"decide_four_of_five",
    "analysis/test_verdicts.py": r"four_times_the_trials|at_a_limit",
    "averages/test_cuda_averages.py": r"",
    "benchmarks/test_benchmarks.py": r"our_side_of|[nN]etworks",
    "benchmarks/test_same_numbers.py": r"agreed_set_is_run",
    "benchmarks/test_whole_jobs.py": r"the_plan_that_the_others",
    "catalogue/test_bias_correction.py": r"rule_with_a_correction\[(?!.*\badam\b)",
    "catalogue/test_functions.py": r"landscape_of_a_function",
    "catalogue/test_optimizer_identities.py": (
        r"sign_equivariant\[(?!adam|gd|momentum|rmsprop)|all_gradients\[.*(splus|shampoo|soap|came|muon_squared)|rotations_of_a_matrix|every_gradient\[(?!adam|rmsprop)|all_gradients\[(?!.*-(adam|rmsprop|muon)\])"
    ),
    "catalogue/test_optimizer_recordings.py": (
        r"mechanic_|"
        r"recorded_trajectory\[(?!.*@(adam|adamw|adam_torch|gd|momentum|nesterov|rmsprop|adagrad|nadam|lion|muon|soap)$)"
    ),
    "catalogue/test_optimizers.py": r"many_lanes\w*\[(?!adam|gd|lamb|muon)|\[float32-(?!adam-|gd-)|shampoo",
    "catalogue/test_siblings.py": r"runs_them_in_workers",
    "catalogue/test_wrappers.py": r"follows_its_twin\[(?!clip|cautious)",
    "checks/test_any_rule.py": r"any_form",
    "checks/test_checks.py": (
        r"passes\[(?!problem-rosenbrock|optimizer-adam\b|schedule-)|broken_ones_were_made|"
        r"problem_is_caught\[.*([a-m]\]$|labels left out|twice the weight)"
    ),
    "cli/test_agreement_command.py": r"rule_of_a_file",
    "cli/test_compare.py": r"chosen_by_loss|as_it_was_tuned|too_high|two_names|have_two_n",
    "cli/test_failed_runs.py": r"bad_schedule_and_a_rule|nothing_ran",
    "cli/test_fuzz_ewa.py": r"any_file",
    "cli/test_json_answers.py": (
        r"cannot_run_is|ends_early|strict_fails|every_run_fails|died_of_a_signal|unfinished_merge|"
        r"lacks_an_optimizer|names_that_a_comparison|no_row_is_open|what_a_plug_in_prints"
    ),
    "cli/test_markup.py": r"",
    "cli/test_messages.py": r"\[check (empty|adam --against)",
    "cli/test_plugin_commands.py": (
        r"reason_why_a_rule|cannot_run_is_told|loop_for_ever|compared_is_a_fault|plugin_of_each_kind|"
        r"ends_a_comparison|time\.sleep|before_it_died|while_rules_are|does_not_load_is|which_argument"
    ),
    "cli/test_progress.py": r"which_stage",
    "cli/test_report_command.py": (
        r"kinds_as_one|heatmap_of_one|math_in_labels|labels_colors|"
        r"kind_of_figure|cannot_be_written"
    ),
    "cli/test_stopping.py": r"while_loading",
    "cli/test_sweep_command.py": (
        r"sweep_of_a_table|"
        r"older_than_the_tables|"
        r"nothing_of_a_dry_run_is_cut\[(?!80)|named_and_a_dummy|tuned_for_may_grow|measure_that_is_asked"
    ),
    "compiler/test_cuda_ptx.py": r"",
    "compiler/test_hoisting.py": r"other_settings_are_their_rows",
    "compiler/test_kernel_cache.py": r"",
    "compiler/test_kernel_files.py": r"command_tells",
    "compiler/test_problem_kernels.py": r"among_others",
    "contract/test_composition.py": r"three_wrappers_nest|after_the_inner_step",
    "contract/test_random.py": r"both_orders\[rows",
    "contract/test_resources.py": r"suffices_or_is_one_line",
    "datasets/test_fuzz_files.py": r"any_file|any_name",
    "engine/test_clock.py": r"mlp",
    "engine/test_cohort.py": r"mlp|stay_close",
    "engine/test_divergence.py": r"shampoo",
    "engine/test_drawn_labels.py": (
        r"each_run\[(?!float64-(mlp|softmax|logistic)\])|every_letter|same_labels\[lanes-float32"
    ),
    "engine/test_eager_problems.py": r"compiled_twin\[.*float32",
    "engine/test_own_functions.py": (
        r"of_python\[float32|of_python\[float64-(both|args|gradient|differences)|index_out_of_range|values_of_the_call"
    ),
    "engine/test_scipy_method.py": r"mlp",
    "figures/test_axes.py": r"math_in_labels|same_in_all_figures",
    "figures/test_comparisons.py": r"all_diverged",
    "figures/test_highlights.py": r"",
    "figures/test_notebook.py": r"widgets|every_figure",
    "figures/test_odd_tables.py": r"says_why_not\[(?!one run)",
    "figures/test_rank_diagram.py": r"stay_in_the_picture",
    "lecture/test_e_optima.py": r"as_r|jumps_over",
    "problems/test_decompositions.py": r"what_lapack|eigenvectors.*float32",
    "problems/test_module_kernels.py": r"mse-layers3",
    "problems/test_predictions.py": r"\[(convolution|scale_inv)|real_predictions",
    "problems/test_problem_minima.py": (
        r"\[(convolution|autoencoder|softmax|char_|vae)|near_and_far\[(scale_invariant|mlp)|below_the_minimum\[(rnn|scale_inv|pinn|mlp)|near_and_far\[(?!rosenbrock|logistic|quadratic|saddle|least|mlp-)|complex_step\[(?!rosenbrock|saddle|beale)|\[(rescaled|permuted|perturbed)"
    ),
    "problems/test_problem_mlp.py": r"pieces_equal.*float32|says_the_same\[(convolution|autoencoder|char_|vae)",
    "problems/test_products.py": r"column_for_each_run",
    "problems/test_problem_saddles.py": r"grid_of_starts",
    "problems/test_problems.py": (
        r"float32_is_close.*\[(?!rosenbrock\])|\[(convolution|autoencoder|char_|vae)|\[rnn_\w+\]|"
        r"slope_of_the_value\[(bigram|grokking|softmax|resc)|tells_the_same_value\[softmax|the_same_value\[(resca|scale|permut)"
    ),
    "report/test_explorer_data.py": r"large_sweep",
    "report/test_exports.py": r"latex_is_balanced_and_escaped\[(?!ranking)",
    "report/test_kinds.py": r"points_and_figures.*\[(?!.*forest)",
    "report/test_many_optimizers.py": r"",
    "report/test_pictures.py": r"stands_beside",
    "report/test_report.py": (
        r"same_tables_same_page|every_problem_has|never_got_anywhere|a_single_run|held_out_numbers|"
        r"explorer_draws"
    ),
    "report/test_side_by_side.py": r"beside_another|three_folders|of_many",
    "sweeps/test_best.py": r"name_the_way|early_stopping",
    "sweeps/test_common_ranges.py": r"equal_rules",
    "sweeps/test_damage.py": r"never_taken_for_a_result",
    "sweeps/test_dask.py": r"cannot_see|another_version",
    "sweeps/test_data_sweep.py": r"real_target",
    "sweeps/test_extend.py": r"nothing_else\[base[1-4]|print_works_as_printed|edge_prints",
    "sweeps/test_folds.py": r"workers_of_their_own|parts_end_and",
    "sweeps/test_forged_folders.py": r"read_or_refused\[.*[^y]\]$",
    "sweeps/test_fuzz_folders.py": r"test_reading|sound_folder",
    "sweeps/test_fuzz_specs.py": r"mappings|toml",
    "sweeps/test_given_names.py": r"labels_escaped|tables_of_loaded|name_of_another|with_other_labels",
    "sweeps/test_interrupts.py": r"in_a_notebook|returns_what_it_has",
    "sweeps/test_isolation.py": r"ends_its_process",
    "sweeps/test_looks.py": r"",
    "sweeps/test_merge.py": r"whole_would|some_of_the_parts|lends_no_runs|second_look|names_is_run|other_rates",
    "sweeps/test_own_records.py": (
        r"same_bytes|run_beside_names|needs_its_objects|goes_on_from|changed_value_around|full_batch_alone|wrong_gradient"
    ),
    "sweeps/test_own_records_in_notebooks.py": r"",
    "sweeps/test_plan.py": r"broken_file",
    "sweeps/test_points.py": r"by_pieces",
    "sweeps/test_recorded_paths.py": r"in_blocks_too",
    "sweeps/test_resume.py": r"same_bytes\[killed",
    "sweeps/test_sequences.py": r"extensions|merges",
    "sweeps/test_serialization.py": r"says_once",
    "sweeps/test_session.py": r"takes_no_other_down|place_of_a_column\[(?!seed)",
    "sweeps/test_signals.py": r"command_that_goes_on\[SIG(HUP|TERM)|among_many|from_python",
    "sweeps/test_snippets.py": r"",
    "sweeps/test_stages.py": (
        r"sweep_is_killed_in|deadline_cut_at_once|"
        r"answer_names\[3|judging_by_another|left_as_a_spec|does_not_race|more_blocks_change"
    ),
    "sweeps/test_time_limit.py": r"the_rest_goes_on|that_suffices",
    "sweeps/test_unfinished.py": r"what_is_missing",
    "sweeps/test_unknown_minima.py": r"",
    "sweeps/test_weights.py": r"judged_by_another",
    "sweeps/test_widening.py": r"",
    "test_api.py": r"broken_plugin",
    "test_docs.py": r"lecture",
    "test_docstrings.py": r"are_true\[optbench\.(sweeps\.results|figures\.comparisons)",
    "test_guest.py": r"leaves_the_process_as_it_was\[(?!sweep|minimize)|first_called\[a file",
    "test_packaging.py": r"from_the_wheel",
    "test_pipelines.py": r"error_is_the_one",
    "test_workers.py": r"kind_was_skipped_whole",
    "test_wrong_values.py": r"test_wrong_values_are_refused\[(?!minimize|load)",
    "wording/test_answers.py": r"kinds_of_problems_weigh|other_measures_speak|over_all_problems|of_a_coin",
    "wording/test_latex.py": r"of_many",
}
"""By file, a regular expression that the test's name and parameters match."""


def is_slow_case(file: str, name: str) -> bool:
    """Return whether the test of that name, with its parameters, is one of SLOW_CASES."""
    return file in SLOW_CASES and re.search(SLOW_CASES[file], name) is not None
