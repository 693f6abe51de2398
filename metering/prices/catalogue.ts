/** The price books that come with Ebb, checked when they are first asked for. */
import { CodedError } from '../errors.ts';
import { type PriceBook, readPriceBook } from '../price-book.ts';
import awsAlb from './aws-alb.json' with { type: 'json' };
import awsApiGateway from './aws-api-gateway.json' with { type: 'json' };
import awsAppRunner from './aws-app-runner.json' with { type: 'json' };
import awsEc2 from './aws-ec2.json' with { type: 'json' };
import awsEc2Optimized from './aws-ec2-optimized.json' with { type: 'json' };
import awsEc2Reserved from './aws-ec2-reserved.json' with { type: 'json' };
import awsEc2Spot from './aws-ec2-spot.json' with { type: 'json' };
import awsEgress from './aws-egress.json' with { type: 'json' };
import awsFargateArm from './aws-fargate-arm.json' with { type: 'json' };
import awsFargateX86 from './aws-fargate-x86.json' with { type: 'json' };
import awsLambdaArm from './aws-lambda-arm.json' with { type: 'json' };
import awsLambdaProvisionedArm from './aws-lambda-provisioned-arm.json' with { type: 'json' };
import awsLambdaProvisionedX86 from './aws-lambda-provisioned-x86.json' with { type: 'json' };
import awsLambdaX86 from './aws-lambda-x86.json' with { type: 'json' };
import awsLogs from './aws-logs.json' with { type: 'json' };
import awsNatGateway from './aws-nat-gateway.json' with { type: 'json' };
import azureAppService from './azure-app-service.json' with { type: 'json' };
import azureFunctions from './azure-functions.json' with { type: 'json' };
import azureFunctionsFlex from './azure-functions-flex.json' with { type: 'json' };
import azureFunctionsPremium from './azure-functions-premium.json' with { type: 'json' };
import cloudflareWorkers from './cloudflare-workers.json' with { type: 'json' };
import denoDeploy from './deno-deploy.json' with { type: 'json' };
import fastlyCompute from './fastly-compute.json' with { type: 'json' };
import flyEgress from './fly-egress.json' with { type: 'json' };
import flyMachines from './fly-machines.json' with { type: 'json' };
import gcpCloudFunctions from './gcp-cloud-functions.json' with { type: 'json' };
import gcpCloudRun from './gcp-cloud-run.json' with { type: 'json' };
import gcpCloudRunConcurrent from './gcp-cloud-run-concurrent.json' with { type: 'json' };
import gcpCloudRunInstances from './gcp-cloud-run-instances.json' with { type: 'json' };
import gcpCloudRunInstancesTier2 from './gcp-cloud-run-instances-tier2.json' with { type: 'json' };
import gcpCloudRunTier2 from './gcp-cloud-run-tier2.json' with { type: 'json' };
import gcpEgress from './gcp-egress.json' with { type: 'json' };
import heroku from './heroku.json' with { type: 'json' };
import herokuEco from './heroku-eco.json' with { type: 'json' };
import huaweiFunctiongraph from './huawei-functiongraph.json' with { type: 'json' };
import netlify from './netlify.json' with { type: 'json' };
import netlifyEgress from './netlify-egress.json' with { type: 'json' };
import railway from './railway.json' with { type: 'json' };
import railwayEgress from './railway-egress.json' with { type: 'json' };
import render from './render.json' with { type: 'json' };
import vercelFluid from './vercel-fluid.json' with { type: 'json' };
import vercelFluidConcurrent from './vercel-fluid-concurrent.json' with { type: 'json' };

/** The books that commands begin with come first; new ones are added after them, extras last. */
const FILES = [
  awsLambdaX86,
  awsLambdaArm,
  awsEc2,
  heroku,
  cloudflareWorkers,
  azureFunctions,
  gcpCloudRun,
  awsLambdaProvisionedX86,
  awsLambdaProvisionedArm,
  awsEc2Optimized,
  awsEc2Reserved,
  awsEc2Spot,
  awsFargateX86,
  awsFargateArm,
  awsAppRunner,
  gcpCloudRunTier2,
  gcpCloudRunConcurrent,
  gcpCloudRunInstances,
  gcpCloudRunInstancesTier2,
  gcpCloudFunctions,
  azureFunctionsFlex,
  azureFunctionsPremium,
  azureAppService,
  fastlyCompute,
  vercelFluid,
  vercelFluidConcurrent,
  denoDeploy,
  huaweiFunctiongraph,
  herokuEco,
  render,
  flyMachines,
  netlify,
  railway,
  awsApiGateway,
  awsAlb,
  awsNatGateway,
  awsEgress,
  awsLogs,
  gcpEgress,
  flyEgress,
  netlifyEgress,
  railwayEgress,
];

/** The ids of all books, in the order in which they are listed. */
export const PRICE_BOOK_IDS: readonly string[] = FILES.map((file) => file.id);

const loaded = new Map<string, PriceBook>();

/** @throws CodedError `prices-unknown`, naming the books there are. */
export function priceBook(id: string): PriceBook {
  const known = loaded.get(id);
  if (known) return known;
  const file = FILES.find((candidate) => candidate.id === id);
  if (!file) {
    throw new CodedError(
      'prices-unknown',
      `no price book ${JSON.stringify(id)}; there are ${PRICE_BOOK_IDS.join(', ')}`,
    );
  }
  const book = readPriceBook(file);
  loaded.set(id, book);
  return book;
}
