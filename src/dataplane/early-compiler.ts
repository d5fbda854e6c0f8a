/**
 * Has V8 compile the packet path while the worker rehearses, and into few functions.
 *
 * A packet after a second of silence meets cold caches: the fewer functions its way has, the sooner it is through. So V8 compiles early
 * and puts more of them into one than it does by itself.
 *
 * Contract: holds for the whole process from then on. It is called when the program's own modules are loaded: with these settings from
 * the start V8 spends seconds of a processor on code that runs once, such as the loader of modules.
 * Source: V8's src/flags/flag-definitions.h; decisions/0003.
 */
import { setFlagsFromString } from 'node:v8';

/** Calls after which a function is compiled for good; V8's own figure is some thousand. */
const CALLS = 400;
/** Bytecode of a function that still goes into its caller, and of all that go into one (with 20000 it compiles for seconds). */
const INLINED = 1_500;
const INLINED_IN_ALL = 6_000;

export function compileEarly(): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${CALLS}`);
  setFlagsFromString(`--max-inlined-bytecode-size=${INLINED}`);
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_IN_ALL}`);
}
