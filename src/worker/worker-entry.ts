/** The script of a worker that encodes. An app's own worker imports it to encode beside whatever else it does. */
import type { Endpoint } from './protocol.js'
import { serve } from './serve.js'

serve(self as unknown as Endpoint)
