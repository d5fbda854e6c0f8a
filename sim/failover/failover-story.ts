/** What a history of a gateway whose links flap is about, before anything happens. Pure. */
import { millis } from '../story.ts';
import type { FailoverHistory } from './failover-history.ts';

export function describeFailover(history: FailoverHistory): string[] {
  const { seed, links, settings, dialling, troubles, refusalPercent } = history;
  return [
    `seed ${seed}: ${JSON.stringify(settings)}`,
    `${troubles.length} troubles; the kernel refuses ${refusalPercent} % of the changes`,
    ...links.map(({ name, tier, weight, isOnDemand, condition: { rate, delay, queue } }) => {
      const line = `${((rate * 8) / 1e6).toFixed(2)} Mbit/s, ${millis(delay)}, queue ${millis(queue)}`;
      const dialled = isOnDemand ? `, dialled in ${JSON.stringify(dialling)}` : '';
      return `${name}: tier ${tier}, weight ${weight}, ${line}${dialled}`;
    }),
  ];
}
