import { servingSuite } from "../driver-suite-serving.ts"
import { createLocalWorld } from "./local-test-world.ts"

servingSuite("the local driver", () => Promise.resolve(createLocalWorld()))
