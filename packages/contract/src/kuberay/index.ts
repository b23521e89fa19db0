/** The wire of the KubeRay API, V1: its messages, over JSON and as protobuf, and its routes. */
export * from "./gen.ts"
export * from "./routes.ts"
export type { WireResult } from "./json/fault.ts"
export { decodeBody } from "./json/read.ts"
export { encodeBody } from "./json/write.ts"
export { requestFault } from "./checks/checks.ts"
export { faultTexts, workerFaultTexts } from "./checks/texts.ts"
export { decodeQuery } from "./query.ts"
