export { meanCenter, type Dims } from './center.js'
export { cosineMap, type CosineOptions } from './cosine.js'
export { pca, pcaColors, type Pca } from './pca.js'
export { viridis } from './viridis.js'
