"""A Terraform provider that knows the schema of `hashicorp/aws` and can do nothing.

It is enough for `terraform validate`, and for `terraform test` with mocked providers: Terraform itself
checks names, types and references, and computes all that is no resource's answer. The real provider
comes from a registry that is not everywhere; its schema is in an npm package, the AWS provider of CDK
for Terraform: generated code, whose comments say of each attribute whether it is required.
"""

import base64
import json
import os
import re
import tarfile
from concurrent import futures
from functools import cache

import grpc

SOURCE = "registry.terraform.io/hashicorp/aws"
LIST, SET = 2, 3

# One attribute of generated code, as it is written to HCL.
WRITTEN = re.compile(
    r"(\w+): \{\s+value: (.+?),\s+isBlock: (true|false),\s+type: \"(\w+)\","
    r"\s+storageClassType: \"(\w+)\"", re.S)
FLAGS = re.compile(
    r"// (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n(.*?)(?=\n  // \w+ - computed|\n\})",
    re.S)
GETTERS = {"String": "string", "Number": "number", "Boolean": "bool", "List": ["list", "string"]}
STORED = {"string": "string", "number": "number", "boolean": "bool",
          "stringMap": ["map", "string"], "numberList": "number", "stringList": "string"}


class Provider:
    """Serves the schema of `names`, as in `aws_sqs_queue` and `data.aws_region`, until closed."""

    def __init__(self, package, names):
        self.schema = response(package, names)
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers([self])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, call):
        """What answers a call: all but the schema is an empty message, in which nothing is wrong."""
        answer = self.schema if call.method.endswith("/GetProviderSchema") else b""
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: answer)

    def environment(self):
        """Variables that lead Terraform to this provider."""
        address = {"Network": "tcp", "String": f"127.0.0.1:{self.port}"}
        reattach = {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True,
                    "Addr": address}
        return {"TF_REATTACH_PROVIDERS": json.dumps({SOURCE: reattach})}

    def close(self):
        self.server.stop(None).wait()


def response(package, names):
    """GetProviderSchema.Response of the protocol's version 6."""
    wanted = {path(name): name for name in names}
    schemas = b""
    # In the order of the archive: to seek in one that is packed is to unpack it again.
    with tarfile.open(package, "r|gz") as archive:
        for member in archive:
            if name := wanted.pop(member.name, None):
                code = typescript(archive.extractfile(member).read().decode())
                entry = text(1, name.removeprefix("data.")) + field(2, schema(code))
                schemas += field(3 if name.startswith("data.") else 2, entry)
            if not wanted:
                break
    if wanted:
        raise ValueError(f"the AWS provider has no {', '.join(wanted.values())}")
    # Of the provider's own settings, the region will do.
    region = attribute("region", "string", "optional")
    return field(1, field(2, field(2, region))) + schemas


def path(name):
    """Where the code of a resource or data source is."""
    folder = name.removeprefix("aws_").replace("data.", "data-").replace("_", "-")
    return f"package/lib/{folder}/index.js"


def typescript(javascript):
    """The source that generated code was compiled from: its source map has it."""
    encoded = javascript.rsplit("sourceMappingURL=data:application/json;base64,", 1)[1]
    return json.loads(base64.b64decode(encoded))["sourcesContent"][0]


def schema(code):
    name = re.search(r"export class (\w+) extends cdktf\.Terraform(?:Resource|DataSource)", code)[1]
    written = between(code, "synthesizeHclAttributes()", "// remove undefined")
    return field(2, block(code, class_of(code, name), written))


def block(code, body, written):
    """A block of a resource, with all that is in it."""
    out, blocks = b"", {}
    kinds = {}
    for name, value, is_block, kind, stored in WRITTEN.findall(written):
        if is_block == "true":
            blocks[name] = kind, re.search(r"(\w+)ToHclTerraform\b", value)[1]
        else:
            of = STORED.get(stored, "dynamic")
            kinds[name] = [kind, of] if kind in ("list", "set") and of != "dynamic" else of
    for name, computed, optional, required, rest in FLAGS.findall(body):
        if name in blocks:
            kind, function = blocks[name]
            inner_class = function[0].upper() + function[1:] + "OutputReference"
            inner = between(code, f"export function {function}ToHclTerraform(", "// remove undefined")
            nesting = SET if kind == "set" else LIST
            nested = text(1, name) + field(2, block(code, class_of(code, inner_class), inner))
            nested += number(3, nesting) + number(4, required == "true")
            nested += number(5, kind == "struct")
            out += field(3, nested)
            continue
        getter = re.search(r"this\.get(\w+?)Attribute\(", rest)
        read = GETTERS.get(getter[1], "dynamic") if getter else "dynamic"
        flags = [flag for flag, of in
                 (("computed", computed), ("optional", optional), ("required", required)) if of == "true"]
        out += field(2, attribute(name, kinds.get(name, read), *flags))
    return out


@cache
def class_of(code, name):
    return between(code, f"export class {name} ", "\n}\n") + "\n}"


def between(code, start, end):
    return code.split(start, 1)[1].split(end, 1)[0]


def attribute(name, kind, *flags):
    out = text(1, name) + text(2, json.dumps(kind))
    return out + b"".join(number({"required": 4, "optional": 5, "computed": 6}[flag], 1) for flag in flags)


# Protocol buffers, as far as a schema needs them.

def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(tag, content):
    return varint(tag << 3 | 2) + varint(len(content)) + content


def text(tag, content):
    return field(tag, content.encode())


def number(tag, value):
    return varint(tag << 3) + varint(int(value))
