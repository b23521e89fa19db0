import { kuberayRoutes, type KuberayRoute, type KuberayRouteName } from "@berth/contract/kuberay"
import { toBinary, type DescFile, type Message } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js"

/** One service of the .proto files, with the operation that each of its methods is. */
export interface RpcService {
  /** `proto.ClusterService`. */
  readonly name: string
  /** Requests stay bytes: what cannot be read is answered in this API's words. */
  readonly definition: ServiceDefinition
  readonly operations: Readonly<Record<string, KuberayRouteName>>
}

const names = Object.keys(kuberayRoutes) as KuberayRouteName[]

/** Every service, from the table of routes. */
export function rpcServices(): readonly RpcService[] {
  const services = new Map<
    string,
    { definition: Record<string, MethodDefinition<Buffer, Message>> } & Operations
  >()
  for (const name of names) {
    const { rpc }: KuberayRoute = kuberayRoutes[name]
    const service = services.get(rpc.parent.typeName) ?? { definition: {}, operations: {} }
    service.definition[rpc.name] = methodOf(name)
    service.operations[rpc.name] = name
    services.set(rpc.parent.typeName, service)
  }
  return [...services].map(([name, service]) => ({ name, ...service }))
}

interface Operations {
  readonly operations: Record<string, KuberayRouteName>
}

/** `/proto.ClusterService/GetCluster`. */
export function pathOf(name: KuberayRouteName): string {
  const { rpc } = kuberayRoutes[name]
  return `/${rpc.parent.typeName}/${rpc.name}`
}

function methodOf(name: KuberayRouteName): MethodDefinition<Buffer, Message> {
  const { rpc }: KuberayRoute = kuberayRoutes[name]
  return {
    path: pathOf(name),
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (message) => Buffer.from(toBinary(rpc.output, message)),
    responseDeserialize: () => {
      throw new Error("A server reads no answers.")
    },
  }
}

/** The .proto files of the services and what they import, each as a FileDescriptorProto. */
export function fileDescriptors(): readonly Buffer[] {
  const files = new Map<string, DescFile>()
  const add = (file: DescFile): void => {
    if (files.has(file.proto.name)) return
    files.set(file.proto.name, file)
    file.dependencies.forEach(add)
  }
  for (const name of names) add(kuberayRoutes[name].rpc.parent.file)
  return Array.from(files.values(), (file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)))
}
