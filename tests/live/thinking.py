"""A copy of SmolLM2-135M whose template has it think first, and opens the thinking itself, as many models' do."""

from pathlib import Path

import gguf

# The words of Qwen's and DeepSeek's templates: with thinking turned off, the prompt ends behind an empty thought. The
# examples in front are what the model imitates: it was never taught to think.
_TEMPLATE = """\
{%- for country, city in [('Spain', 'Madrid'), ('Italy', 'Rome'), ('Norway', 'Oslo')] -%}
{{ '<|im_start|>user\\nName the capital of ' + country + '.<|im_end|>\\n' }}
{{- '<|im_start|>assistant\\n<think>\\nThe capital of ' + country + ' is wanted.\\n</think>\\n\\n' }}
{{- 'It is ' + city + '.<|im_end|>\\n' }}
{%- endfor -%}
{%- for message in messages -%}
{%- set content = message.content -%}
{%- if message.role == 'assistant' -%}{%- set content = content.split('</think>')[-1] -%}{%- endif -%}
{{ '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n<think>\\n' }}
{%- if enable_thinking is defined and enable_thinking is false -%}{{ '\\n</think>\\n\\n' }}{%- endif -%}
{%- endif -%}
"""
_TEMPLATE_KEY = "tokenizer.chat_template"


def thinking_copy(source: Path, path: Path) -> Path:
    """Write the copy, and return its path."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        # The writer makes these itself.
        if not key.startswith("GGUF.") and key not in {"general.architecture", _TEMPLATE_KEY}:
            kind, sub_kind = field.types[0], field.types[-1]
            writer.add_key_value(key, field.contents(), kind, sub_type=sub_kind)
    writer.add_chat_template(_TEMPLATE)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
