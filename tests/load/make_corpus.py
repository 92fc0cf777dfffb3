#!/usr/bin/env python3
"""Writes malformed model files, and valid ones that must stay readable.

    make_corpus.py FOLDER

writes FOLDER/<name> and FOLDER/index, a line per file: reader, name, and a part of the message that the reader must
refuse it with, or "ok". Readers: gguf, tokenizer (a valid GGUF whose vocabulary is broken), block_count (a valid GGUF
whose hyperparameter is), safetensors.

The cases cover every refusal of the readers, and what has been a vulnerability in other readers of these formats:
CVE-2024-21802 (dimensions), CVE-2024-21825 (array and string lengths), CVE-2024-21836 (the tensor count), CVE-2024-23496
(a string length that wraps), CVE-2024-23605 (the metadata count), CVE-2025-49847 (a token's length), CVE-2025-53630
(tensor sizes whose sum wraps); and arrays nested to exhaust the stack.
"""

import json
import pathlib
import struct
import sys

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
PACK = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B", U64: "<Q", I64: "<q", F64: "<d"}
M64 = 2**64 - 1


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, content):
    if kind == STRING:
        return text(content)
    if kind == ARRAY:
        element, items = content
        return struct.pack("<IQ", element, len(items)) + b"".join(value(element, item) for item in items)
    return struct.pack(PACK[kind], content)


def pair(key, kind, content):
    return text(key) + struct.pack("<I", kind) + value(kind, content)


def tensor(name, dims, kind, offset):
    return text(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims) + struct.pack("<IQ", kind, offset)


# Vocabularies: a SentencePiece one of 259 bytes and specials, and a byte-pair one.
SPM_TOKENS = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["a", "b", "ab", "\u2581"]
SPM_TYPES = [2, 3, 3] + [6] * 256 + [1] * 4


def gpt2_bytes():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


BPE_TOKENS = gpt2_bytes() + ["ab", "abc", "<|end|>"]


def spm(**changes):
    keys = {
        "model": (STRING, "llama"),
        "tokens": (ARRAY, (STRING, SPM_TOKENS)),
        "scores": (ARRAY, (F32, [0.0] * len(SPM_TOKENS))),
        "token_type": (ARRAY, (I32, SPM_TYPES)),
        "bos_token_id": (U32, 1),
        "eos_token_id": (U32, 2),
        "unknown_token_id": (U32, 0),
    }
    return vocabulary(keys, changes)


def bpe(**changes):
    keys = {
        "model": (STRING, "gpt2"),
        "pre": (STRING, "smollm"),
        "tokens": (ARRAY, (STRING, BPE_TOKENS)),
        "token_type": (ARRAY, (I32, [1] * (len(BPE_TOKENS) - 1) + [3])),
        "merges": (ARRAY, (STRING, ["a b", "ab c"])),
        "eos_token_id": (U32, len(BPE_TOKENS) - 1),
    }
    return vocabulary(keys, changes)


def vocabulary(keys, changes):
    keys.update(changes)
    return [pair("tokenizer.ggml." + key, *content) for key, content in keys.items() if content]


PAIRS = [
    pair("general.architecture", STRING, "llama"),
    pair("llama.block_count", U32, 1),
    pair("test.floats", ARRAY, (F32, [1.0, 2.0, 3.0])),
    pair("test.words", ARRAY, (STRING, ["one", "two", ""])),
    pair("test.flag", BOOL, 1),
    pair("test.u8", U8, 1),
    pair("test.i8", I8, -1),
    pair("test.u16", U16, 1),
    pair("test.i16", I16, -1),
    pair("test.i32", I32, -1),
    pair("test.u64", U64, 1),
    pair("test.i64", I64, -1),
    pair("test.f64", F64, 1.0),
]
# name, dims, type, bytes
TENSORS = [("a", [4, 2], 0, 32), ("b", [32, 1], 8, 34), ("c", [32, 2], 2, 36), ("d", [64], 3, 40), ("e", [3], 1, 6), ("f", [5], 30, 10)]


def layout(tensors, alignment=32):
    offset, out = 0, []
    for name, dims, kind, size in tensors:
        out.append(tensor(name, dims, kind, offset))
        offset += -(-size // alignment) * alignment
    return out, offset


def gguf(version=3, pairs=PAIRS, tensors=None, data=None, alignment=32, pair_count=None, tensor_count=None, magic=b"GGUF"):
    descriptions, size = layout(TENSORS, alignment)
    if tensors is not None:
        descriptions = tensors
    head = magic + struct.pack("<IQQ", version, len(descriptions) if tensor_count is None else tensor_count,
                               len(pairs) if pair_count is None else pair_count)
    body = head + b"".join(pairs) + b"".join(descriptions)
    if descriptions:
        body += bytes(-len(body) % alignment)
    return body + (bytes(range(256)) * (size // 256 + 1))[:size] if data is None else body + data


def one(*description, data=bytes(64)):
    return gguf(tensors=[tensor(*description)], data=data)


def gguf_cases():
    good = gguf()
    yield "valid_v3", good, "ok"
    yield "valid_v2", gguf(version=2), "ok"
    yield "valid_no_tensors", gguf(tensors=[], data=b""), "ok"
    yield "valid_no_metadata", gguf(pairs=[]), "ok"
    yield "valid_alignment_8", gguf(pairs=PAIRS + [pair("general.alignment", U32, 8)], alignment=8), "ok"
    yield "valid_alignment_4096", gguf(pairs=PAIRS + [pair("general.alignment", U32, 4096)], alignment=4096), "ok"
    yield "valid_last_tensor_unpadded", good[:-22], "ok"
    yield "valid_bytes_after_tensors", good + bytes(100), "ok"
    yield "valid_tensors_out_of_order", gguf(tensors=[tensor("a", [8], 0, 64), tensor("b", [8], 0, 0)], data=bytes(128)), "ok"
    yield "valid_gap_between_tensors", gguf(tensors=[tensor("a", [8], 0, 0), tensor("b", [8], 0, 64)], data=bytes(128)), "ok"
    yield "valid_four_dimensions", one("a", [2, 2, 2, 2], 0, 0), "ok"
    yield "valid_empty_array", gguf(pairs=[pair("k", ARRAY, (U32, []))]), "ok"
    yield "valid_empty_string", gguf(pairs=[pair("k", STRING, "")]), "ok"
    yield "valid_utf8_names", gguf(pairs=[pair("cl\u00e9\u4e2d", U8, 1)], tensors=[tensor("\u00e9", [8], 0, 0)], data=bytes(32)), "ok"
    yield "valid_value_not_utf8", gguf(pairs=[pair("k", STRING, b"\xff\xfe")]), "ok"

    # Cut off: at every byte of the header, and at each field after it.
    for length in (0, 1, 3):
        yield f"cut_at_{length}", good[:length], "expected the magic"
    for length in (4, 7):
        yield f"cut_at_{length}", good[:length], "4 bytes of the version"
    for length in (8, 15):
        yield f"cut_at_{length}", good[:length], "8 bytes of the tensor count"
    for length in (16, 23):
        yield f"cut_at_{length}", good[:length], "8 bytes of the metadata count"
    # The counts no longer fit what follows, unless they are small: then the field itself is missing.
    small = gguf(pairs=[pair("k", STRING, "value")], tensors=[tensor("t", [8], 0, 0)], data=bytes(32))
    for length in range(24, len(small) - 1, 3):
        yield f"small_cut_at_{length}", small[:length], "expected"
    for length in range(30, len(good) - 22, 61):
        yield f"good_cut_at_{length}", good[:length], "expected"
    yield "cut_last_byte_of_data", good[:-23], "tensor data"
    yield "no_data", gguf(data=b""), "found 0 bytes of tensor data"
    yield "no_padding_before_data", gguf(tensors=[tensor("abc", [8], 0, 0)], data=b"")[:-17], "bytes of tensor data"

    # The header.
    yield "magic_ggml", gguf(magic=b"ggml"), "found 'ggml', expected the magic 'GGUF'"
    yield "magic_reversed", gguf(magic=b"FUGG"), "expected the magic"
    yield "magic_binary", gguf(magic=b"\x00\xff\n'"), "found '\\x00\\xff\\x0a\\x27'"
    yield "magic_zip", b"PK\x03\x04" + bytes(100), "expected the magic"
    yield "version_0", gguf(version=0), "found GGUF version 0, expected 2 or 3"
    yield "version_1", gguf(version=1), "found GGUF version 1, expected 2 or 3"
    yield "version_4", gguf(version=4), "found GGUF version 4, expected 2 or 3"
    yield "version_max", gguf(version=2**32 - 1), "found GGUF version 4294967295"
    yield "big_endian_3", gguf(version=0x03000000), "big-endian"
    yield "big_endian_2", gguf(version=0x02000000), "big-endian"
    for name, count in (("max", M64), ("2_63", 2**63), ("2_61", 2**61), ("2_32", 2**32), ("more_than_bytes", 60)):
        yield f"tensor_count_{name}", gguf(tensor_count=count), f"found {count} tensors"
        yield f"pair_count_{name}", gguf(pair_count=count if count > 60 else 200), "metadata pairs"
    yield "tensor_count_plus_1", gguf(tensor_count=len(TENSORS) + 1), "expected"
    yield "pair_count_plus_1", gguf(pair_count=len(PAIRS) + 1), "expected"
    yield "tensor_count_without_metadata", gguf(pairs=[], tensors=[], data=b"", tensor_count=1), "found 1 tensors, expected at most 0"

    # Metadata: keys.
    yield "key_empty", gguf(pairs=[pair("", U8, 1)]), "found a metadata key of 0 bytes"
    yield "key_too_long", gguf(pairs=[pair("k" * 65536, U8, 1)]), "found a metadata key of 65536 bytes"
    yield "key_longest", gguf(pairs=[pair("k" * 65535, U8, 1)]), "ok"
    for name, length in (("max", M64), ("2_63", 2**63), ("wraps_to_0", M64 - 23), ("past_end", 10**6)):
        yield f"key_length_{name}", gguf(pairs=[struct.pack("<Q", length) + b"key" + bytes(40)]), f"found a length of {length} for a metadata key"
    for name, key in (("byte", b"k\xff"), ("overlong", b"\xc0\xaf"), ("surrogate", b"\xed\xa0\x80"), ("cut", b"ab\xe4\xb8"), ("above", b"\xf4\x90\x80\x80")):
        yield f"key_not_utf8_{name}", gguf(pairs=[pair(key, U8, 1)]), "valid UTF-8"
    yield "key_twice", gguf(pairs=[pair("same", U8, 1), pair("other", U8, 1), pair("same", U32, 2)]), "found metadata key 'same' again"
    yield "key_with_newline", gguf(pairs=[pair("a\nb\x1b[2J", U8, 1), pair("a\nb\x1b[2J", U8, 1)]), "'a\\x0ab\\x1b[2J' again"

    # Metadata: values.
    yield "value_type_13", gguf(pairs=[text("k") + struct.pack("<I", 13) + bytes(8)]), "found value type 13 for 'k'"
    yield "value_type_max", gguf(pairs=[text("k") + struct.pack("<I", 2**32 - 1) + bytes(8)]), "found value type 4294967295"
    yield "bool_2", gguf(pairs=[pair("k", BOOL, 2)]), "found bool 2 in 'k'"
    yield "bool_255_in_array", gguf(pairs=[pair("k", ARRAY, (BOOL, [1, 0, 255]))]), "found bool 255 in 'k'"
    for name, length in (("max", M64), ("max_minus_7", M64 - 7), ("2_63", 2**63), ("past_end", 10**6)):
        string = text("k") + struct.pack("<IQ", STRING, length) + b"value"
        yield f"string_length_{name}", gguf(pairs=[string]), f"found a length of {length} for the string 'k'"
        in_array = text("k") + struct.pack("<IIQ", ARRAY, STRING, 2) + text("ok") + struct.pack("<Q", length) + b"value"
        yield f"array_string_length_{name}", gguf(pairs=[in_array]), f"found a length of {length} for the string 'k'"
    for name, count in (("max", M64), ("2_63", 2**63), ("2_62", 2**62), ("2_61_plus_1", 2**61 + 1), ("2_32", 2**32), ("past_end", 5000)):
        for element in (U8, U32, F64, STRING, BOOL):
            array = text("k") + struct.pack("<IIQ", ARRAY, element, count) + bytes(64)
            yield f"array_count_{name}_of_{element}", gguf(pairs=[array]), f"found {count} elements in array 'k'"
    yield "array_of_arrays", gguf(pairs=[pair("k", ARRAY, (ARRAY, [(U8, [1]), (U8, [2])]))]), "an array of arrays in 'k'"
    nested = text("k") + struct.pack("<I", ARRAY) + struct.pack("<IQ", ARRAY, 1) * 10000
    yield "array_nested_10000_deep", gguf(pairs=[nested]), "an array of arrays in 'k'"
    yield "array_type_13", gguf(pairs=[text("k") + struct.pack("<IIQ", ARRAY, 13, 1) + bytes(8)]), "found value type 13"

    # Alignment.
    for alignment in (0, 1, 2, 4, 7, 24, 33, 2**31 + 1, 2**32 - 1):
        yield f"alignment_{alignment}", gguf(pairs=[pair("general.alignment", U32, alignment)]), f"found {alignment} in metadata key 'general.alignment'"
    yield "alignment_2_63", gguf(pairs=[pair("general.alignment", U64, 2**63)]), "found 9223372036854775808 in metadata key"
    yield "alignment_2_31", gguf(pairs=[pair("general.alignment", U32, 2**31)]), "expected a multiple of the alignment, 2147483648"
    yield "alignment_2_31_past_end", gguf(pairs=[pair("general.alignment", U32, 2**31)], tensors=[tensor("t", [8], 0, 0)]), "at byte 2147483648: found 0 bytes of tensor data"
    yield "alignment_string", gguf(pairs=[pair("general.alignment", STRING, "32")]), "found a value of type string"
    yield "alignment_negative", gguf(pairs=[pair("general.alignment", I32, -32)]), "found -32 in metadata key"
    yield "alignment_array", gguf(pairs=[pair("general.alignment", ARRAY, (U32, [32]))]), "found an array of 1 uint32"

    # Tensors: names and dimensions.
    yield "tensor_name_empty", one("", [8], 0, 0), "found a tensor's name of 0 bytes"
    yield "tensor_name_too_long", one("n" * 65536, [8], 0, 0), "found a tensor's name of 65536 bytes"
    yield "tensor_name_not_utf8", one(b"a\x80", [8], 0, 0), "found byte 0x80 in a tensor's name"
    yield "tensor_name_length_max", gguf(tensors=[struct.pack("<Q", M64) + bytes(60)], data=bytes(64)), f"found a length of {M64}"
    yield "tensor_name_twice", gguf(tensors=[tensor("t", [8], 0, 0), tensor("u", [8], 0, 32), tensor("t", [8], 0, 64)], data=bytes(96)), "found tensor 't' again"
    yield "dimensions_0", one("t", [], 0, 0), "found 0 dimensions in tensor 't'"
    yield "dimensions_5", one("t", [1] * 5, 0, 0), "found 5 dimensions in tensor 't'"
    yield "dimensions_max", gguf(tensors=[text("t") + struct.pack("<I", 2**32 - 1) + bytes(64)], data=bytes(64)), "found 4294967295 dimensions"
    for i in range(4):
        dims = [2, 2, 2, 2]
        dims[i] = 0
        yield f"dimension_{i}_zero", one("t", dims, 0, 0), f"found dimension {i} of tensor 't' = 0"
    yield "dims_wrap_to_0", one("t", [2**32, 2**32], 0, 0), "an element count below 2^63"
    yield "dims_wrap_to_small", one("t", [2**33, 2**31 + 1], 0, 0), "an element count below 2^63"
    yield "dims_wrap_four", one("t", [2**16] * 4, 0, 0), "an element count below 2^63"
    yield "dims_2_63", one("t", [2**63], 0, 0), "an element count below 2^63"
    yield "dims_negative", one("t", [M64], 0, 0), "an element count below 2^63"
    yield "bytes_wrap", one("t", [2**62], 0, 0), "fewer than 2^63 bytes"
    yield "bytes_wrap_f16", one("t", [2**62, 1], 1, 0), "fewer than 2^63 bytes"
    yield "bytes_2_40", one("t", [2**38], 0, 0), "expected at least"
    yield "sum_wraps", gguf(tensors=[tensor(f"t{i}", [2**60], 0, 0) for i in range(4)], data=bytes(64)), "less than 2^64 bytes together"
    yield "sum_wraps_many", gguf(tensors=[tensor(f"t{i}", [2**59 + 8], 0, 0) for i in range(8)], data=bytes(64)), "less than 2^64 bytes together"

    # Tensors: types.
    for number, name in ((4, "Q4_2"), (6, "Q5_0"), (9, "Q8_1"), (12, "Q4_K"), (14, "Q6_K"), (16, "IQ2_XXS"), (24, "I8"), (28, "F64"), (31, "Q4_0_4_4"), (34, "TQ1_0"), (39, "MXFP4"), (42, "Q2_0")):
        yield f"type_{name}", one("blk.0.attn_q.weight", [256], number, 0), f"tensor 'blk.0.attn_q.weight': type {name} ({number}), which is not supported, expected one of F32 F16 Q4_0"
    for number in (43, 1000, 2**31, 2**32 - 1):
        yield f"type_{number}", one("t", [32], number, 0), f"type unknown ({number})"
    for number, name in ((2, "Q4_0"), (3, "Q4_1"), (8, "Q8_0")):
        yield f"row_not_blocks_{name}", one("t", [33, 32], number, 0), f"rows of 33 elements of type {name}, expected a multiple of 32"

    # Tensors: places.
    for offset in (1, 8, 16, 31, 33):
        yield f"offset_misaligned_{offset}", one("t", [4], 0, offset), f"found tensor 't' at offset {offset}, expected a multiple of the alignment, 32"
    yield "offset_misaligned_4096", gguf(pairs=[pair("general.alignment", U32, 4096)], tensors=[tensor("t", [8], 0, 32)], data=bytes(8192)), "expected a multiple of the alignment, 4096"
    for name, offset in (("max", M64 - 31), ("2_63", 2**63), ("past_end", 64), ("wraps", 2**64 - 32)):
        yield f"offset_{name}", one("t", [16], 0, offset), f"at offset {offset}, expected an end within"
    yield "end_past_end", gguf(tensors=[tensor("a", [8], 0, 64), tensor("b", [8], 0, 0)], data=bytes(95)), "found tensor 'a' with 32 bytes at offset 64"
    yield "overlap_same_place", gguf(tensors=[tensor("a", [8], 0, 0), tensor("b", [8], 0, 0)], data=bytes(64)), "found the data of tensor 'b', expected the rest of tensor 'a'"
    yield "overlap_partly", gguf(tensors=[tensor("a", [16], 0, 0), tensor("b", [8], 0, 32)], data=bytes(96)), "found the data of tensor 'b', expected the rest of tensor 'a'"
    yield "overlap_inside", gguf(tensors=[tensor("b", [8], 0, 32), tensor("a", [64], 0, 0)], data=bytes(320)), "found the data of tensor 'b', expected the rest of tensor 'a'"


def tokenizer_cases():
    def file(pairs):
        return gguf(pairs=pairs, tensors=[], data=b"")

    yield "valid_spm", file(spm()), "ok"
    yield "valid_bpe", file(bpe()), "ok"
    yield "valid_spm_without_scores_and_types", file(spm(scores=None, token_type=None)), "ok"
    yield "valid_bpe_merge_of_no_token", file(bpe(merges=(ARRAY, (STRING, ["a b", "x y", "xy z"])))), "ok"
    yield "valid_bpe_default_pre", file(bpe(pre=None)), "ok"
    yield "valid_empty_token", file(bpe(tokens=(ARRAY, (STRING, BPE_TOKENS[:-2] + ["", "<|end|>"])))), "ok"
    yield "no_model", file(spm(model=None)), "without key 'tokenizer.ggml.model'"
    yield "model_unknown", file(spm(model=(STRING, "bert"))), "found tokenizer 'bert'"
    yield "model_number", file(spm(model=(U32, 1))), "found a value of type uint32"
    yield "no_tokens", file(spm(tokens=None)), "without key 'tokenizer.ggml.tokens'"
    yield "tokens_empty", file(spm(tokens=(ARRAY, (STRING, [])), scores=None, token_type=None)), "found 0 tokens"
    yield "tokens_numbers", file(spm(tokens=(ARRAY, (U32, [1, 2, 3])))), "found an array of 3 uint32"
    yield "tokens_string", file(spm(tokens=(STRING, "abc"))), "found a value of type string"
    yield "token_twice", file(spm(tokens=(ARRAY, (STRING, SPM_TOKENS[:-1] + ["a"])))), "'a' again"
    yield "token_too_long", file(spm(tokens=(ARRAY, (STRING, SPM_TOKENS[:-1] + ["a" * 65536])))), "of 65536 bytes"
    yield "scores_too_few", file(spm(scores=(ARRAY, (F32, [0.0] * 3)))), "found 3 scores"
    yield "scores_none", file(spm(scores=(ARRAY, (F32, [])))), "found 0 scores"
    yield "scores_nan", file(spm(scores=(ARRAY, (F32, [float("nan")] * len(SPM_TOKENS))))), "found nan as the score of token 0"
    yield "scores_strings", file(spm(scores=(ARRAY, (STRING, ["1"])))), "found an array of 1 string"
    yield "types_too_few", file(spm(token_type=(ARRAY, (I32, [1])))), "found 1 token types"
    yield "type_7", file(spm(token_type=(ARRAY, (I32, [7] * len(SPM_TOKENS))))), "found type 7 of token 0"
    yield "type_negative", file(spm(token_type=(ARRAY, (I32, [-1] * len(SPM_TOKENS))))), "found type -1 of token 0"
    yield "bos_out_of_range", file(spm(bos_token_id=(U32, len(SPM_TOKENS)))), f"found {len(SPM_TOKENS)} in metadata key 'tokenizer.ggml.bos_token_id'"
    yield "bos_max", file(spm(bos_token_id=(U32, 2**32 - 1))), "found 4294967295 in metadata key 'tokenizer.ggml.bos_token_id'"
    yield "bos_negative", file(spm(bos_token_id=(I32, -1))), "found -1 in metadata key 'tokenizer.ggml.bos_token_id'"
    yield "eos_out_of_range", file(bpe(eos_token_id=(U64, 2**63))), "metadata key 'tokenizer.ggml.eos_token_id'"
    yield "bos_wanted_and_missing", file(bpe(pre=(STRING, "llama-bpe"))), "adds BOS or EOS"
    yield "add_bos_number", file(spm(add_bos_token=(U32, 1))), "found a value of type uint32"
    yield "no_byte_token", file(spm(unknown_token_id=None, tokens=(ARRAY, (STRING, SPM_TOKENS[:3] + ["x"] + SPM_TOKENS[4:])), token_type=None)), "found no token <0x00> and no unknown token"
    yield "byte_token_malformed", file(spm(token_type=(ARRAY, (I32, [6] * len(SPM_TOKENS))))), "found byte token '<unk>'"
    yield "special_too_long", file(spm(tokens=(ARRAY, (STRING, ["<" + "u" * 300 + ">"] + SPM_TOKENS[1:])))), "special token 0 of 302 bytes"
    yield "special_not_utf8", file(spm(tokens=(ARRAY, (STRING, [b"<\x80>"] + SPM_TOKENS[1:])))), "found byte 0x80 in special token 0"
    yield "pre_unknown", file(bpe(pre=(STRING, "no-such"))), "found pre-tokenizer 'no-such'"
    yield "pre_number", file(bpe(pre=(U32, 1))), "found a value of type uint32"
    yield "no_merges", file(bpe(merges=None)), "without key 'tokenizer.ggml.merges'"
    for name, merge in (("no_space", "ab"), ("only_space", " "), ("leading_space", " a"), ("trailing_space", "a "), ("three", "a b c"), ("empty", "")):
        yield f"merge_{name}", file(bpe(merges=(ARRAY, (STRING, ["a b", merge])))), "found merge 1"


def block_count_cases():
    def file(*content):
        return gguf(pairs=[pair("llama.block_count", *content)], tensors=[], data=b"")

    yield "block_count_1", file(U32, 1), "ok"
    yield "block_count_0", file(U32, 0), "found 0 in metadata key 'llama.block_count'"
    yield "block_count_513", file(U32, 513), "found 513 in metadata key 'llama.block_count', expected 1 to 512"
    yield "block_count_max", file(U32, 2**32 - 1), "found 4294967295 in metadata key"
    yield "block_count_negative", file(I64, -(2**63)), "found -9223372036854775808 in metadata key"
    yield "block_count_float", file(F32, 1.0), "found a value of type float32"
    yield "block_count_array", file(ARRAY, (U32, [1])), "found an array of 1 uint32"


def safetensors_cases():
    def raw(header, data=b"", length=None):
        header = header if isinstance(header, bytes) else header.encode()
        return struct.pack("<Q", len(header) if length is None else length) + header + data

    def entry(dtype="F32", shape=(2, 2), offsets=(0, 16), **more):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}

    def file(tensors, data=bytes(16)):
        return raw(json.dumps(tensors), data)

    good = file({"__metadata__": {"format": "pt"}, "a": entry(), "b": entry("BF16", [4], [16, 24])}, bytes(24))
    yield "valid", good, "ok"
    yield "valid_padded_header", raw(json.dumps({"a": entry()}) + "     ", bytes(16)), "ok"
    yield "valid_empty", raw("{}"), "ok"
    yield "valid_scalar_and_empty", file({"s": entry("F64", [], [0, 8]), "e": entry("F32", [0, 7], [8, 8])}, bytes(8)), "ok"
    yield "valid_out_of_order", file({"b": entry("F32", [1], [4, 8]), "a": entry("F32", [1], [0, 4])}, bytes(8)), "ok"
    for length in (0, 1, 7):
        yield f"cut_at_{length}", good[:length], "8 bytes of header length"
    for length in range(8, len(good) - 24, 13):
        yield f"cut_at_{length}", good[:length], "a header of"
    yield "cut_data", good[:-1], "a rising pair within the 23 bytes of data"
    yield "extra_data", good + b"x", "found 1 bytes of no tensor"
    for name, length in (("max", M64), ("max_minus_7", M64 - 7), ("2_63", 2**63), ("100_mb_plus_1", 100_000_001)):
        yield f"header_length_{name}", raw("{}", length=length), f"found a header of {length} bytes, expected at most 100000000"
    yield "header_length_past_end", raw("{}", length=3), "found a header of 3 bytes, expected at most the 2"
    yield "header_empty", raw(""), "found an empty header"
    yield "header_array", raw("[]"), "found '[', expected '{'"
    yield "header_starts_with_space", raw(" {}"), "found ' ', expected '{'"
    yield "header_cut_json", raw('{"a":'), "malformed JSON"
    yield "header_two_values", raw("{}{}"), "malformed JSON"
    yield "header_not_utf8", raw(b'{"a\xff":{}}'), "malformed JSON"
    yield "header_nul", raw(b'{\x00}'), "malformed JSON"
    yield "header_nested_100000", raw('{"a":' * 100000), "found key 'a' in tensor 'a'"
    yield "header_array_nested_100000", raw('{"a":{"shape":' + "[" * 100000), "found an array in tensor 'a'"
    yield "tensor_is_number", raw('{"a":1}'), "found 1 in tensor 'a'"
    yield "tensor_is_null", raw('{"a":null}'), "found null in tensor 'a'"
    yield "tensor_is_string", raw('{"a":"b"}'), "found string 'b' in tensor 'a'"
    yield "tensor_twice", raw('{"a":%s,"a":%s}' % ((json.dumps(entry()),) * 2), bytes(16)), "found 'a' again"
    yield "metadata_twice", raw('{"__metadata__":{},"__metadata__":{}}'), "found '__metadata__' again"
    yield "metadata_key_twice", raw('{"__metadata__":{"k":"1","k":"2"}}'), "found metadata key 'k' again"
    yield "metadata_number", raw('{"__metadata__":{"k":1}}'), "found 1, expected a string"
    yield "metadata_array", raw('{"__metadata__":[]}'), "found an array, expected an object of strings"
    for key in ("dtype", "shape", "data_offsets"):
        fields = entry()
        del fields[key]
        yield f"no_{key}", file({"a": fields}), f"without {key}"
    yield "dtype_twice", raw('{"a":{"dtype":"F32","dtype":"F32"}}'), "found 'dtype' again"
    yield "shape_twice", raw('{"a":{"shape":[],"shape":[]}}'), "found 'shape' again"
    yield "offsets_twice", raw('{"a":{"data_offsets":[0,0],"data_offsets":[0,0]}}'), "found 'data_offsets' again"
    yield "unknown_field", file({"a": entry(stride=[1])}), "found key 'stride'"
    yield "dtype_unknown", file({"a": entry("Q4_0")}), "found dtype 'Q4_0' in tensor 'a'"
    yield "dtype_f4", file({"a": entry("F4")}), "found dtype 'F4' in tensor 'a', which is not supported"
    yield "dtype_number", file({"a": entry(1)}), "found 1 in tensor 'a'"
    yield "shape_negative", file({"a": entry(shape=[-1])}), "found -1 in tensor 'a'"
    yield "shape_float", file({"a": entry(shape=[1.5])}), "found '1.5' in tensor 'a'"
    yield "shape_2_64", file({"a": entry(shape=[2**64])}), "in tensor 'a', expected a dimension"
    yield "shape_wraps", file({"a": entry(shape=[2**62, 4])}), "of 2^64 bytes or more"
    yield "shape_wraps_to_size", file({"a": entry(shape=[2**62 + 4])}), "of 2^64 bytes or more"
    yield "shape_9_dimensions", file({"a": entry(shape=[1] * 9)}), "a dimension after 8"
    yield "shape_bool", file({"a": entry(shape=[True])}), "found true in tensor 'a'"
    yield "size_differs", file({"a": entry(shape=[3])}), "found tensor 'a' with 16 bytes"
    yield "offsets_three", file({"a": entry(offsets=[0, 8, 16])}), "found a third offset in tensor 'a'"
    yield "offsets_one", file({"a": entry(offsets=[16])}), "found 1 offsets in tensor 'a'"
    yield "offsets_falling", file({"a": entry(offsets=[16, 0])}), "data_offsets [16, 0]"
    yield "offsets_past_end", file({"a": entry(offsets=[16, 32])}), "data_offsets [16, 32]"
    yield "offsets_max", file({"a": entry(offsets=[M64 - 15, M64])}), f"data_offsets [{M64 - 15}, {M64}]"
    yield "offsets_negative", file({"a": entry(offsets=[-16, 0])}), "found -16 in tensor 'a'"
    yield "gap", file({"a": entry("F32", [1], [0, 4]), "b": entry("F32", [1], [8, 12])}, bytes(12)), "found the data of tensor 'b'"
    yield "gap_at_start", file({"a": entry("F32", [1], [4, 8])}, bytes(8)), "found the data of tensor 'a'"
    yield "overlap", file({"a": entry("F32", [2], [0, 8]), "b": entry("F32", [2], [4, 12])}, bytes(12)), "found the data of tensor 'b'"


def all_cases():
    """reader, file name, content, expected"""
    readers = {"gguf": gguf_cases, "tokenizer": tokenizer_cases, "block_count": block_count_cases, "safetensors": safetensors_cases}
    for reader, cases in readers.items():
        for name, content, expected in cases():
            yield reader, f"{reader}-{name}", content, expected


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    lines = {}
    for reader, name, content, expected in all_cases():
        assert name not in lines, f"two cases of the name {name}"
        (folder / name).write_bytes(content)
        lines[name] = f"{reader}\t{name}\t{expected}\n"
    (folder / "index").write_text("".join(lines.values()), encoding="utf-8")


if __name__ == "__main__":
    main()
