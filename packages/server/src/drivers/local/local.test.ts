import { driverSuite } from "../driver-suite.ts"
import { createLocalWorld } from "./local-test-world.ts"

driverSuite("the local driver", () => Promise.resolve(createLocalWorld()))
