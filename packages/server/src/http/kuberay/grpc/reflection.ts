import type { Server, ServiceDefinition } from "@grpc/grpc-js"
import { ReflectionService } from "@grpc/reflection"
import { service as healthService } from "grpc-health-check"
import { fileDescriptors } from "./definitions.ts"
import type { OpenStreams, StreamHandler } from "./streams.ts"

type Package = ConstructorParameters<typeof ReflectionService>[0]

/**
 * Adds `grpc.reflection.v1` and `v1alpha`: the .proto files that this server answers by, for clients that have none.
 * @param isOpen they are told to whoever asks, without a credential
 */
export function addReflection(server: Server, streams: OpenStreams, isOpen: boolean): void {
  const files = [...fileDescriptors(), ...[healthService, ...reflectionServices()].flatMap(filesOf)]
  // All that it reads of a package.
  const all = { files: { fileDescriptorProtos: files } } as unknown as Package
  new ReflectionService(all).addToServer({
    addService(definition, implementation) {
      const guarded = Object.entries(implementation).map(([name, handle]) => [
        name,
        streams.guard(handle as unknown as StreamHandler, !isOpen),
      ])
      server.addService(definition, Object.fromEntries(guarded) as typeof implementation)
    },
  })
}

/** The services of reflection itself: `v1` and `v1alpha`. */
export function reflectionServices(): readonly ServiceDefinition[] {
  const services: ServiceDefinition[] = []
  new ReflectionService({}).addToServer({ addService: (service) => void services.push(service) })
  return services
}

/** What a service was loaded from, as its loader keeps it. */
function filesOf(definition: ServiceDefinition): readonly Buffer[] {
  const [method] = Object.values(definition) as {
    readonly requestType?: { fileDescriptorProtos: Buffer[] }
  }[]
  return method?.requestType?.fileDescriptorProtos ?? []
}
