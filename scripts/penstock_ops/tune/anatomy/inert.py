"""Fields of a config.json that never change how many parameters a model has or what it caches.

Only names whose meaning is the same in every family stand here: anything a family reads as a size
or a layout is read by that family's own formula.
"""

from __future__ import annotations

_FILE = """
_name_or_path name_or_path _attn_implementation _attn_implementation_autoset _commit_hash architectures
auto_map custom_pipelines model_type transformers_version torch_dtype dtype torch_compile unsloth_version
unsloth_fixed transformers.js_config task_specific_params tokenizer_class processor_class chat_template
license tags library_name finetuning_task id2label label2id problem_type num_labels export_model_type
model_name model_version version prefix bos_token_id eos_token_id eod_token_id sep_token_id unk_token_id
cls_token_id mask_token_id pad_token_id decoder_start_token_id ignore_index is_composition
model_max_length image_token image_seq_length boi_token_index eoi_token_index
"""

_GENERATION = """
use_cache output_attentions output_hidden_states output_scores output_router_logits output_past
return_dict return_dict_in_generate return_legacy_cache torchscript is_decoder bad_words_ids
begin_suppress_tokens suppress_tokens do_sample early_stopping temperature top_k top_p typical_p
repetition_penalty length_penalty diversity_penalty encoder_no_repeat_ngram_size no_repeat_ngram_size
exponential_decay_length_penalty max_length min_length max_new_tokens num_beams num_beam_groups
num_return_sequences remove_invalid_values forced_bos_token_id forced_eos_token_id num_logits_to_keep
chunk_size_feed_forward pruned_heads use_bfloat16 tf_legacy_loss cache_implementation
"""

_TRAINING = """
initializer_range initializer_factor initializer_cutoff_factor init_std init_device init_method
init_method_std embedding_initializer_range rescale_prenorm_residual router_aux_loss_coef
router_z_loss_coef aux_loss_alpha aux_loss_coef seq_aux router_jitter_noise input_jitter_noise
moe_router_dtype z_loss_coefficient layerdrop classifier_dropout residual_in_fp32 gradient_checkpointing
use_flash_attn use_flash_attention _use_flash_attention_2 use_fused_rmsnorm use_fused_cross_entropy
use_fused_rotary use_mamba_kernels use_mem_eff_path use_mambapy use_associative_scan mamba_chunk_size
chunk_size is_causal pretraining_tp ep_size tensor_parallel_size summary_activation summary_first_dropout
summary_proj_to_labels summary_type summary_use_proj
"""

_ROTARY = """
rope_theta rope_scaling rope_parameters rope_local_base_freq rope_interleave rope_interleaved rope_ratio
rope_pct rotary_pct rotary_emb_base rotary_base rotary_dim rotary_percent partial_rotary_factor
original_max_position_embeddings rope_type mrope_section mrope_interleaved global_rope_theta
local_rope_theta swa_rope_theta layer_rope_theta full_attn_mod interpolate_factor initial_context_length
use_dynamic_ntk use_logn_attn original_rope_theta no_rope_layers no_rope_layer_interval
max_sequence_length use_mrope rotary attn_rotary_emb rope_percent attn_temperature_tuning floor_scale
attn_scale alibi_bias_max
"""

_SCALING = """
hidden_act hidden_activation activation_function mlp_hidden_act mamba_hidden_act afn activation
rms_norm_eps norm_eps layer_norm_eps layer_norm_epsilon norm_epsilon layernorm_epsilon
attention_multiplier embedding_multiplier logits_scaling residual_multiplier logit_scale
lm_head_multiplier scale_emb scale_depth dim_model_base key_multiplier attention_in_multiplier
attention_out_multiplier mlp_multipliers ssm_multipliers ssm_in_multiplier ssm_out_multiplier
query_pre_attn_scalar attn_logit_softcapping final_logit_softcapping attn_logit_softcap
final_logit_softcap clip_qkv qkv_clip scale_attn_weights scale_attn_by_inverse_layer_idx
reorder_and_upcast_attn attention_softmax_in_fp32 scale_attention_softmax_in_fp32 softmax_scale
swiglu_limit swiglu_alpha mup_enabled attention_value_scale normalize_before time_step_min time_step_max
time_step_floor time_step_limit time_step_rank mamba_dt_max mamba_dt_min mamba_dt_init_floor
"""

_ROUTING = """
norm_topk_prob topk_method topk_group n_group routed_scaling_factor scoring_func moe_renormalize
use_grouped_topk moe_router_topk_scaling_factor moe_shared_expert_overlap router_score_function
score_func
"""

_INERT = frozenset(" ".join((_FILE, _GENERATION, _TRAINING, _ROTARY, _SCALING, _ROUTING)).split())
#: Endings that only ever name a token, a rate of dropping, or a small number beside a norm.
_ENDINGS = ("_token_id", "_token_ids", "_token_index", "dropout", "dropout_prob", "_pdrop", "dropout_rate")


def is_inert(name: str) -> bool:
    """Whether `name` changes no size in any family."""
    return name in _INERT or name.endswith(_ENDINGS)
