/** The wire of the KubeRay API, V1: its messages, over JSON and as protobuf, and its routes. */
export * from "./gen.ts"
export * from "./routes.ts"
