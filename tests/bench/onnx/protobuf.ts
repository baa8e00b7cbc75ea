/** As much of protobuf's wire format (protobuf.dev/programming-guides/encoding) as an ONNX file needs to be written. */

/** Bytes as parts, so that gigabytes of weights are never copied. */
export interface Bytes {
  readonly parts: readonly Uint8Array[]
  readonly length: number
}

const VARINT = 0
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** Fields one after another: a message. */
export function message(...fields: readonly Bytes[]): Bytes {
  return {
    parts: fields.flatMap(({ parts }) => parts),
    length: fields.reduce((sum, { length }) => sum + length, 0),
  }
}

/** int32, int64, enum: not negative here. */
export function integer(field: number, value: number): Bytes {
  return bytes(Uint8Array.of(...varint(field * 8 + VARINT), ...varint(value)))
}

export function float(field: number, value: number): Bytes {
  const fixed = new Uint8Array(4)
  new DataView(fixed.buffer).setFloat32(0, value, true)
  return bytes(Uint8Array.of(...varint(field * 8 + FIXED32), ...fixed))
}

export function text(field: number, value: string): Bytes {
  return nested(field, bytes(new TextEncoder().encode(value)))
}

/** Raw data. The array is kept, not copied. */
export function data(field: number, value: ArrayBufferView): Bytes {
  return nested(field, bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)))
}

export function nested(field: number, value: Bytes): Bytes {
  const head = Uint8Array.of(...varint(field * 8 + LENGTH_DELIMITED), ...varint(value.length))
  return { parts: [head, ...value.parts], length: head.length + value.length }
}

function bytes(value: Uint8Array): Bytes {
  return { parts: [value], length: value.length }
}

/** Seven bits a byte, lowest first, the top bit set on all but the last. Division, because lengths may pass 32 bits. */
function varint(value: number): number[] {
  const low = value % 128
  return value < 128 ? [low] : [low | 128, ...varint(Math.floor(value / 128))]
}
