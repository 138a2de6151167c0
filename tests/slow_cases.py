"""Cases that run in CI's slow part: others of their kind stay among the README's tests, which take about five minutes.

What is slow for another reason than its number (a library, a browser, a simulator) carries the mark itself.
"""

import re

RULES = r"adam|adam_torch|gd|momentum|nesterov|rmsprop|adagrad|lion|lamb|muon|schedule_free_sgd"
PROBLEMS = (
    r"quadratic|rosenbrock|saddle|plateau|least_squares|logistic|mlp(?!\(data)|styblinski_tang|beale|himmelblau|"
    r"noisy|moving"
)
"""What every promise about optimizers and problems is tried with: a kernel takes 0.3 to 10 s to compile, and an empty
clone has none."""

SLOW_CASES = {
    "analysis/test_best_configurations.py": r"is_reported\[True",
    "analysis/test_calibration.py": (
        r"\[thorough|clones_are_not|naive_t_test|looking_again|named_decide|ties_are_clones|planted_effects|"
        r"made_again|readme_says|leaves_the_truth_out|skewed|first_alone\[(False-loss|True)"
    ),
    "analysis/test_costs.py": r"loop_over_them\[shuffled",
    "analysis/test_edges.py": r"beyond_the_range_is_told\[10-12|end_of_a_range",
    "analysis/test_folders.py": (
        r"clones_are_seldom|follows_from_the_inter|slower_for_one_side|can_be_paired|"
        r"factor_of_two_is_found\[tuned|keeps_its_choice|paired_by_cohort|never_called_identical|"
        r"differ_in_nothing\[(plain-settings|staged)|decides_nothing\[settings|both_sides_do_not"
    ),
    "analysis/test_judging.py": r"clones_apart\[normal",
    "analysis/test_labels_change_no_number.py": r"labels",
    "analysis/test_over_problems.py": r"intervals_cover",
    "analysis/test_power.py": r"decide_four_of_five",
    "analysis/test_protocol.py": (
        r"enter_no_choice|choices_equal_a_naive_twin\[True|naive_twin\[[12]|targets_equal_a_naive_twin\[3"
    ),
    "analysis/test_sampling.py": r"redrawn_data_sets\[65|one_observation|in_the_intervals|no_jackknife\w*\[(?!abc)",
    "analysis/test_trajectories.py": r"between_points\[(?!samples)",
    "analysis/test_validation.py": (
        r"judged_on_test_data\[(?!True-test_loss|False-test_accuracy)|is_said\[test_loss|has_risen"
    ),
    "analysis/test_verdicts.py": (
        r"four_times_the_trials|at_a_limit|subset_depends|as_often_in|follows_from_the_verdicts\[time|"
        r"cannot_be_decided|too_high|states_of_levels|smaller_alpha|else_tuned\[batch|twenty_on"
    ),
    "averages/test_cuda_averages.py": r"",
    "benchmarks/test_benchmarks.py": r"our_side_of|of_a_network|Default",
    "benchmarks/test_same_numbers.py": r"agreed_set_is_run",
    "benchmarks/test_whole_jobs.py": r"the_plan_that_the_others",
    "catalogue/test_bias_correction.py": (
        r"rule_with_a_correction\[(?!.*\badam\b)|rule_with_a_correction\[adam-rows|"
        r"however_they_are_written\[(?!.*lanes)"
    ),
    "catalogue/test_functions.py": r"landscape_of_a_function|paths_of_a_function",
    "catalogue/test_listing.py": r"closed_pipe|in_its_width\[(?!80-list\])|limits_shown",
    "catalogue/test_optimizer_identities.py": (
        r"sign_equivariant\[(?!adam|gd|momentum|rmsprop)|"
        r"all_gradients\[.*(splus|shampoo|soap|came|muon_squared)|rotations_of_a_matrix|"
        r"every_gradient\[(?!adam|rmsprop)|all_gradients\[(?!.*-(adam|rmsprop|muon)\])|"
        r"another_rule\[.*(shampoo|asam|nadam|schedule|sophia|laprop|stable|signum|adan|aggmo|qh|asgd|moonlight)|"
        rf"(embeddings|equivariant|sign_equivariant|of_the_rate)\[(?!({RULES})(-|\]|\())|"
        r"all_gradients|adam_mini_is|still_moves\[lamb|nothing_moves\[(momo|sps_)|absolute_value\[(dowg|prod)|"
        r"hyperball|largest\[momo|kron|soap_without|halves_the_way"
    ),
    "catalogue/test_optimizer_recordings.py": (
        r"mechanic_|"
        r"recorded_trajectory\[(?!.*@(adam|adamw|adam_torch|gd|momentum|nesterov|rmsprop|adagrad|nadam|lion|muon|soap)$)"
    ),
    "catalogue/test_optimizers.py": (
        r"many_lanes\w*\[(?!adam|gd|lamb|muon)|\[float32-(?!adam-|gd-)|shampoo|"
        rf"(1000_steps|iterate_follows|lanes_agree|of_the_call|stays_put|never_swallowed)\[(?!(float\d\d-)?({RULES})(-|\]))"
    ),
    "catalogue/test_siblings.py": r"runs_them_in_workers",
    "catalogue/test_wrappers.py": r"follows_its_twin\[(?!clip|cautious)|not_finite\[(?!average|clip)",
    "checks/test_checks.py": (
        r"passes\[(?!problem-rosenbrock|optimizer-adam\b|schedule-)|broken_ones_were_made|"
        r"problem_is_caught\[.*([a-m]\]$|labels left out|twice the weight)|without_ranges|"
        r"optimizer_is_caught\[(?!NaN.hidden|float32)|problem_is_caught\[(?!wrong.gradient)|takes_a_loga"
    ),
    "checks/test_quick.py": r"what_ships\[problems",
    "claims/test_claims.py": r"tried_alone",
    "cli/test_agreement_command.py": r"rule_of_a_file",
    "cli/test_compare.py": (
        r"chosen_by_loss|as_it_was_tuned|too_high|two_names|have_two_n|folder_with_itself|what_is_open|"
        r"time_alone|cut_or_wrapped|of_each_folder|by_their_family|key_of_json|json_holds"
    ),
    "cli/test_failed_runs.py": r"bad_schedule_and_a_rule|nothing_ran",
    "cli/test_json_answers.py": (
        r"cannot_run_is|ends_early|strict_fails|every_run_fails|died_of_a_signal|unfinished_merge|"
        r"lacks_an_optimizer|names_that_a_comparison|no_row_is_open|what_a_plug_in_prints|told_to_become|"
        r"reader_that_has_ended|in_one_line\[list.optimizers|hostile_name|json_too\[check"
    ),
    "cli/test_markup.py": r"",
    "cli/test_messages.py": r"\[check (empty|adam --against)|\[check.(\.|none)",
    "cli/test_plugin_commands.py": (
        r"reason_why_a_rule|cannot_run_is_told|loop_for_ever|compared_is_a_fault|plugin_of_each_kind|"
        r"ends_a_comparison|time\.sleep|before_it_died|while_rules_are|does_not_load_is|which_argument|"
        r"what_is_wrong|crashes_or_hangs"
    ),
    "cli/test_progress.py": r"which_stage|no_colour",
    "cli/test_report_command.py": (
        r"kinds_as_one|heatmap_of_one|math_in_labels|labels_colors|kind_of_figure|cannot_be_written|"
        r"two_folders"
    ),
    "cli/test_stopping.py": r"while_loading|stays_ignored",
    "cli/test_sweep_command.py": (
        r"sweep_of_a_table|older_than_the_tables|nothing_of_a_dry_run_is_cut\[(?!80)|named_and_a_dummy|"
        r"tuned_for_may_grow|measure_that_is_asked|budget_that_is_over|cuda_without|damaged_folder|"
        r"another_sweep_in"
    ),
    "compiler/test_cuda_ptx.py": r"",
    "compiler/test_fastmath.py": r"are_clean\[float32",
    "compiler/test_hoisting.py": r"other_settings_are_their_rows",
    "compiler/test_kernel_cache.py": r"",
    "compiler/test_kernel_files.py": r"command_tells",
    "compiler/test_numba_inside.py": r"no_gpu_is_looked_for",
    "compiler/test_problem_kernels.py": r"among_others",
    "contract/test_composition.py": r"three_wrappers_nest|after_the_inner_step",
    "contract/test_random.py": r"both_orders\[rows|by_block|same_ones\[noisy_matrix|noisy-float32",
    "contract/test_resources.py": r"suffices_or_is_one_line|needs_less",
    "datasets/test_fuzz_files.py": r"any_file|any_name",
    "engine/test_clock.py": r"mlp|where_it_is\[0\.5-logistic",
    "engine/test_cohort.py": rf"mlp|stay_close|others\[ackley|(naive_loop|of_their_own)\[(?!({RULES}|sps)(-|\]))",
    "engine/test_divergence.py": r"shampoo",
    "engine/test_drawn_labels.py": (
        r"each_run\[(?!float64-logistic\])|every_letter|same_labels\[lanes-float32|gauss_newton"
    ),
    "engine/test_eager_problems.py": r"compiled_twin\[.*float32",
    "engine/test_loss.py": r"finite_sum\[.*float32|sums_shared|finite_sum\[3",
    "engine/test_own_functions.py": (
        r"of_python\[float32|of_python\[float64-(both|args|gradient|differences)|index_out_of_range|"
        r"values_of_the_call"
    ),
    "engine/test_scipy_method.py": r"mlp",
    "engine/test_second_gradient.py": r"finite_sum\[.*float32|begins_late|changes_no_number|\[3-",
    "engine/test_sizes.py": r"sums_matrices",
    "engine/test_stepper.py": r"arrays_that_stayed\[cautious|no_number\[float32",
    "engine/test_targets.py": r"lookahead",
    "figures/test_axes.py": (
        r"math_in_labels|same_in_all_figures|without_every_step|seeds_that_report\[(?!epoch-None)"
    ),
    "figures/test_batch_sizes.py": r"never_arrives|none_to_see|several_sizes",
    "figures/test_comparisons.py": r"all_diverged|of_n_of_many|slope_one",
    "figures/test_forest.py": r"who_never_arrives|another_measure",
    "figures/test_highlights.py": r"",
    "figures/test_notebook.py": r"widgets|every_figure",
    "figures/test_odd_tables.py": r"says_why_not\[(?!one run)",
    "figures/test_rank_diagram.py": (
        r"stay_in_the_picture|of_one_problem|over_kinds|fewer_optimizers|those_of_the_ranking"
    ),
    "figures/test_styles.py": r"of_a_paper\[2",
    "lecture/test_a_batches.py": r"seconds_of_a_step",
    "lecture/test_e_optima.py": r"as_r|jumps_over|plateau_slows\[(4000|inf)|rotated_saddle|rare",
    "lecture/test_planes.py": r"luck_of_tuning",
    "problems/test_decompositions.py": r"what_lapack|eigenvectors.*float32|scipys_power\[float32",
    "problems/test_module_kernels.py": r"residual_connections|example_of_the_kit",
    "problems/test_predictions.py": (
        r"\[(convolution|scale_inv)|real_predictions|\[(zipf|mlp)|of_the_kernel\[(?!softmax)"
    ),
    "problems/test_problem_convex.py": r"the_formula\[(deep|poisson)|survives_float32|same_rates",
    "problems/test_problem_minima.py": (
        r"\[(convolution|autoencoder|softmax|char_|vae)|near_and_far\[(scale_invariant|mlp)|"
        r"below_the_minimum\[(rnn|scale_inv|pinn|mlp)|"
        r"near_and_far\[(?!rosenbrock|logistic|quadratic|saddle|least|mlp-)|"
        r"complex_step\[(?!rosenbrock|saddle|beale)|\[(rescaled|permuted|perturbed)|"
        rf"(stated_minimum|below_the_minimum|near_and_far|complex_step|lower_point)\[(?!({PROBLEMS})\b)"
    ),
    "problems/test_problem_mlp.py": r"pieces_equal.*float32|says_the_same\[(convolution|autoencoder|char_|vae|rnn)",
    "problems/test_problem_recurrent.py": r"without_memory",
    "problems/test_problem_saddles.py": (
        r"grid_of_starts|far_out\[float32|nothing_below\w*\[(griewank|rastrigin|ackley|levy)|"
        r"it_says\[(octopus|phase|rotated)"
    ),
    "problems/test_problem_tokens.py": r"muon_recalls|bigrams_minimum",
    "problems/test_problems.py": (
        r"float32_is_close.*\[(?!rosenbrock\])|\[(convolution|autoencoder|char_|vae)|\[rnn_\w+\]|"
        r"slope_of_the_value\[(bigram|grokking|softmax|resc)|tells_the_same_value\[softmax|"
        r"the_same_value\[(resca|scale|permut)|"
        rf"(of_the_value|to_the_whole|their_neighbours|same_value|of_the_hessian|weights_are_told)\[(?!({PROBLEMS})\b)"
    ),
    "problems/test_products.py": r"column_for_each_run|do_not_overflow",
    "problems/test_stress.py": r"rescaling_has\w*\[[67]",
    "report/test_explorer_data.py": r"large_sweep|grid_without_heights|is_null",
    "report/test_forest_chart.py": r"best_ten_are_drawn",
    "report/test_kinds.py": (r"points_and_figures.*\[(?!.*forest)|what_is_seen\[(?!curves)|in_a_paper\w*\[forest"),
    "report/test_many_optimizers.py": r"",
    "report/test_pictures.py": r"stands_beside|parts_of_a_page",
    "report/test_report.py": (
        r"same_tables_same_page|every_problem_has|never_got_anywhere|a_single_run|held_out_numbers|"
        r"explorer_draws"
    ),
    "report/test_side_by_side.py": (
        r"beside_another|three_folders|of_many|other_settings|reported_seeds|nothing_in_common"
    ),
    "report/test_tables.py": r"best_batch_size",
    "sweeps/test_best.py": (r"labels_are_names|run_of_that_seed\[3|without_a_run|other_data|own_unit"),
    "sweeps/test_common_ranges.py": r"equal_rules|moves_no_trial",
    "sweeps/test_damage.py": r"never_taken_for_a_result",
    "sweeps/test_dask.py": r"cannot_see|another_version",
    "sweeps/test_data_sweep.py": r"real_target|batches_and_length\[250000",
    "sweeps/test_draws.py": r"million_runs",
    "sweeps/test_extend.py": (
        r"nothing_else\[base[1-4]|print_works_as_printed|edge_prints|changed_rule|written_otherwise|"
        r"wider_range"
    ),
    "sweeps/test_final_tables.py": r"would\[1",
    "sweeps/test_folds.py": r"workers_of_their_own|parts_end_and|split_is_repeated",
    "sweeps/test_forged_folders.py": r"read_or_refused\[.*[^y]\]$",
    "sweeps/test_fuzz_folders.py": r"test_reading|sound_folder|what_was_found\[.*NaN|without.a.column",
    "sweeps/test_fuzz_specs.py": r"mappings|toml|test_names|test_flags",
    "sweeps/test_given_names.py": (
        r"labels_escaped|tables_of_loaded|name_of_another|with_other_labels|of_another_library|"
        r"known_to_a_comparison"
    ),
    "sweeps/test_interrupts.py": r"in_a_notebook|returns_what_it_has",
    "sweeps/test_isolation.py": r"ends_its_process",
    "sweeps/test_jobs.py": r"command_tells|numbers_come_back|provenance",
    "sweeps/test_looks.py": r"",
    "sweeps/test_merge.py": (
        r"whole_would|some_of_the_parts|lends_no_runs|second_look|names_is_run|other_rates|not_of_a_kind"
    ),
    "sweeps/test_own_records.py": (
        r"same_bytes|run_beside_names|needs_its_objects|goes_on_from|changed_value_around|full_batch_alone|"
        r"wrong_gradient"
    ),
    "sweeps/test_own_records_in_notebooks.py": r"",
    "sweeps/test_plan.py": r"broken_file",
    "sweeps/test_points.py": r"by_pieces",
    "sweeps/test_recorded_paths.py": r"in_blocks_too|long_run|have_a_limit|checksum|ends_in_time",
    "sweeps/test_resume.py": r"same_bytes\[killed|not_finished\[(at|in)|run_again\[another|leftovers",
    "sweeps/test_sequences.py": r"extensions|merges",
    "sweeps/test_serialization.py": r"says_once|with_its_ids\[all",
    "sweeps/test_session.py": r"takes_no_other_down|place_of_a_column\[(?!seed)",
    "sweeps/test_signals.py": r"command_that_goes_on\[SIG(HUP|TERM)|among_many|from_python",
    "sweeps/test_snippets.py": r"",
    "sweeps/test_stages.py": (
        r"sweep_is_killed_in|deadline_cut_at_once|answer_names\[3|judging_by_another|left_as_a_spec|"
        r"does_not_race|more_blocks_change"
    ),
    "sweeps/test_sweep.py": r"cost_table",
    "sweeps/test_time_limit.py": r"the_rest_goes_on|that_suffices",
    "sweeps/test_trials.py": r"were_asked_for\[(300|65)|all_that_it_holds|asked_for\[20",
    "sweeps/test_unfinished.py": r"what_is_missing|nothing_finished",
    "sweeps/test_unknown_minima.py": r"",
    "sweeps/test_judged_by.py": r"judged_by_another",
    "sweeps/test_widening.py": r"",
    "translation/test_training_code.py": r"it_is_equal\[(optax|keras)",
    "wording/test_answers.py": (
        r"kinds_of_problems_weigh|other_measures_speak|of_a_coin|within_ten_steps|"
        r"no_sentence_compares|diverges_at_one_step|not_ranked\[0.0|"
        r"intervals_of_shares"
    ),
    "wording/test_certainty.py": r"come_with_their_time|first_place_is\[factors[13]",
    "wording/test_latex.py": r"of_many|who_loses|what_never_arrives|ranking\[loss|of_its_paper\[(1-table-5|2)",
    "wording/test_wider_search.py": r"drawn_from\[(?!.*values2)|advised\[lowest",
    "test_api.py": r"broken_plugin|among_temporary|looks_like_none",
    "test_docs.py": r"lecture",
    "test_docstrings.py": r"are_true\[optbench\.(figures|sweeps\.(?!best))",
    "test_guest.py": r"leaves_the_process_as_it_was\[(?!sweep|minimize)|first_called\[a file",
    "test_packaging.py": r"from_the_wheel",
    "test_pipelines.py": r"error_is_the_one",
    "test_workers.py": r"kind_was_skipped_whole",
    "test_wrong_values.py": r"test_wrong_values_are_refused\[(?!minimize|load)",
}
"""By file, a regular expression that the test's name and parameters match."""


def is_slow_case(file: str, name: str) -> bool:
    """Return whether the test of that name, with its parameters, is one of SLOW_CASES."""
    return file in SLOW_CASES and re.search(SLOW_CASES[file], name) is not None
