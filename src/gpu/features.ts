/**
 * Subgroup matrices: a Draft of WebGPU (gpuweb/proposals/subgroup-matrix.md), in Chromium behind --enable-unsafe-webgpu,
 * in Dawn behind `allow_unsafe_apis`. Its feature is to be called `subgroup-matrix` when it ships.
 */
export const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix' as GPUFeatureName
/** Lets a shader demand its subgroup size: shipped in Chrome 152, unknown to type declarations yet. */
export const SUBGROUP_SIZE_CONTROL = 'subgroup-size-control' as GPUFeatureName
