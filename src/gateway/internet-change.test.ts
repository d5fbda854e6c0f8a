/** The order of a change, and that a failure in any step leaves the state before or after, never between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackstayError } from '../errors.ts';
import type { Move } from '../internet/internet.ts';
import { type DesiredLink, type DesiredState, nothingDesired } from '../network/desired-state.ts';
import { parseIpAddress } from '../network/ip-address.ts';
import { type ChangeStep, changeOrder, runChange } from './internet-change.ts';
import { changeSteps } from './internet-steps.ts';

const link = (index: number): DesiredLink => ({
  name: `link${index}`,
  index,
  interface: `wan${index}`,
  families: [{ family: 4, address: parseIpAddress(`192.0.2.${index + 1}`)!, gateway: undefined, onLink: [] }],
});

function state(carrier: number): DesiredState {
  const choices = [{ family: 4, carriers: [{ link: carrier, weight: 1 }] } as const];
  return {
    ...nothingDesired,
    links: [link(0), link(1)],
    internet: { links: [0, 1], choices, masquerade: [] },
  };
}

const [before, after] = [state(0), state(1)];
const move: Move = {
  family: 4,
  before: [{ link: 'link0', weight: 1 }],
  carriers: [{ link: 'link1', weight: 1 }],
  canary: undefined,
  reason: 'failed',
};

/** A machine whose kernel takes what it is given, until `broken` says no. */
class Machine {
  kernel: DesiredState = before;
  disk = 'before';
  decided = 'before';
  cutOff = false;
  told: string[] = [];
  readonly trace: string[] = [];

  steps(failing?: string, how: 'throws' | 'does not read back' = 'throws'): ChangeStep[] {
    const steps = changeSteps({
      before,
      after,
      moves: [move],
      apply: async (desired) => {
        this.kernel = desired;
        return { changes: [], failures: [] };
      },
      remaining: async (desired) => (desired === this.kernel ? [] : ['ip -4 route replace default']),
      tellTunnels: () => {},
      remember: (isMade) => {
        this.disk = isMade ? 'after' : 'before';
      },
      settle: () => {
        this.decided = 'after';
      },
      cut: () => {
        assert.equal(this.kernel, after, 'cut off before everything leads elsewhere');
        this.cutOff = true;
        return [];
      },
      journal: () => this.told.push('moved'),
    });
    return steps.map((step) => ({
      ...step,
      carryOut: async () => {
        this.trace.push(step.name);
        await step.carryOut?.();
        if (step.name === failing && how === 'throws')
          throw new BackstayError('BS_NETWORK_REFUSED', 'Injected.');
      },
      verify: async () => {
        const wrong = (await step.verify?.()) ?? [];
        return step.name === failing && how !== 'throws' ? [...wrong, 'injected'] : wrong;
      },
    }));
  }
}

test('every step in its order', async () => {
  const machine = new Machine();
  assert.deepEqual(await runChange(machine.steps()), { made: true, problems: [] });
  assert.deepEqual(machine.trace, changeOrder);
  assert.deepEqual(
    [machine.kernel, machine.disk, machine.decided, machine.cutOff],
    [after, 'after', 'after', true],
  );
  assert.deepEqual(machine.told, ['moved']);
});

for (const how of ['throws', 'does not read back'] as const) {
  for (const name of changeOrder) {
    test(`step ${name} ${how}: all is as before, or the change stands`, async () => {
      const machine = new Machine();
      const outcome = await runChange(machine.steps(name, how));
      const stands = changeOrder.indexOf(name) > changeOrder.indexOf('defaultRoute');
      assert.equal(outcome.made, stands);
      const whole = stands ? 'after' : 'before';
      assert.equal(machine.kernel, stands ? after : before);
      assert.deepEqual([machine.disk, machine.decided], [whole, whole]);
      assert.equal(machine.cutOff, stands);
      if (outcome.made) assert.equal(outcome.problems.length, 1);
      else assert.equal(outcome.step, name);
    });
  }
}

test('a link that is gone by now is not moved to', async () => {
  const gone = { ...after, links: [link(0)] };
  const parts = {
    before,
    after: gone,
    moves: [move],
    apply: () => assert.fail(),
    remaining: () => assert.fail(),
  };
  const none = () => {};
  const steps = changeSteps({
    ...parts,
    tellTunnels: none,
    remember: none,
    settle: none,
    cut: () => [],
    journal: none,
  });
  const outcome = await runChange(steps);
  assert.deepEqual([outcome.made, !outcome.made && outcome.step], [false, 'link']);
});
