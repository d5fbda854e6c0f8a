/** `./run sim`: see `command.ts`. Exit status 0 when all went as they must, 1 when one did not, 2 for wrong words. */
import { Campaign } from './campaign.ts';
import { readWords, runSimulator, usage } from './command.ts';
import { FailoverCampaign } from './failover/failover-campaign.ts';

const words = readWords(process.argv.slice(2));
if (words === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
const campaign = words.kind === 'tunnel' ? new Campaign() : new FailoverCampaign(words.kind === 'failover');
process.exitCode = await runSimulator(words, campaign, (line) => console.log(line));
campaign.close();
