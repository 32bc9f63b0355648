"""An adapter merged into its base model; every tensor of its file has a place, and none is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provcheck.errors import BrokenModel, SubjectError
from provcheck.measurement.failures import first_line
from provcheck.measurement.patterns import check_patterns

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedModel


def apply_adapter(model: PreTrainedModel, folder: str) -> PreTrainedModel:
    """Merge an adapter into full weights; packed ones keep it separate, since merging would round it away."""
    try:
        adapted = _with_adapter(model, folder)
        result: PreTrainedModel = adapted.get_base_model() if is_packed(model) else adapted.merge_and_unload()
    except SubjectError:
        raise
    except Exception as error:
        raise BrokenModel(f"the adapter does not fit its base model: {first_line(error)}") from None
    return result


def is_packed(model: PreTrainedModel) -> bool:
    """Whether its weights are packed numbers in memory; those of a GGUF file are floats once they are loaded."""
    return bool(getattr(model, "is_quantized", False)) and getattr(model, "quantization_method", None) != "gguf"


def _with_adapter(model: PreTrainedModel, folder: str) -> PeftModel:
    """What PeftModel.from_pretrained does, but it only warns of missing tensors and says nothing of unknown ones."""
    from peft import PeftConfig, PeftModel

    config = type(PeftConfig.from_pretrained(folder)).from_pretrained(folder)  # each type has checks of its own
    config.inference_mode = True
    check_patterns(vars(config), [name for name, _ in model.named_modules()])
    adapted = PeftModel(model, config)
    adapted.register_load_state_dict_post_hook(lambda _model, names: _check_names(config, names))
    adapted.load_adapter(folder, "default", key_mapping=getattr(model, "_checkpoint_conversion_mapping", {}))
    return adapted


def _check_names(config: PeftConfig, names: Any) -> None:
    """Raise BrokenModel where the adapter's file lacks a tensor that its config asks for, or holds another."""
    missing = [name for name in names.missing_keys if _is_of_adapter(config, name)]
    unknown = names.unexpected_keys
    for found, problem in ((missing, "are missing in its file"), (unknown, "have no place in its base model")):
        if found:
            raise BrokenModel(
                f"tensors of the adapter {problem}: {len(found)}, first '{found[0][:200]}'",
                "check that adapter_config.json, the adapter's weights and the base model belong together",
            )


def _is_of_adapter(config: PeftConfig, name: str) -> bool:
    """Whether peft keeps the tensor in an adapter's file; the others are those of the base model."""
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

    if PEFT_TYPE_TO_PREFIX_MAPPING[config.peft_type] in name and ".default" in name:
        return True
    bias = getattr(config, "bias", "none")
    return name.endswith(".base_layer.bias" if bias == "lora_only" else "bias") and bias != "none"
