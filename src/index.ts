export { builtInModel } from './built-in.js'
export { VisionEncoder } from './encoder.js'
export type * from './encoder/types.js'
export type { KeptOptions, KeptWeights, SizeOptions } from './encoder/kept.js'
export { sliceSizes, type Grid as SliceGrid, type SliceSizes } from './image/slicing.js'
export type {
  ImageInput,
  PixelValues,
  RawPixels,
  Resample,
  RgbImage,
  Size,
  SizeOption,
  WholeSize,
} from './image/types.js'
export type { LoadPhase, ProgressEvent } from './checkpoint/public.js'
export type { MatrixConfig, MatrixUnits } from './gpu/types.js'
export type { MergerConfig, PoolingConfig, ResamplerConfig, VisionConfig } from './model/config.js'
export { SovitError, type SovitErrorCode } from './errors.js'
