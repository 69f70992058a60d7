"""`buf.validate` for the generated stubs, taken from the descriptor inside the protovalidate wheel.

The stubs import this module for the validation options of their fields. Registering the wheel's own
descriptor keeps one source of truth: the rules that protovalidate evaluates are the rules we compile.
"""

import sys

import google.protobuf.descriptor_pb2
import google.protobuf.duration_pb2
import google.protobuf.field_mask_pb2
import google.protobuf.timestamp_pb2  # noqa: F401  (these register what the descriptor imports)
from google.protobuf import descriptor_pool
from google.protobuf.internal import builder
from protovalidate._gen.buf.validate import validate_pb

DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(validate_pb.desc().proto.to_binary())
builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, sys.modules[__name__].__dict__)
