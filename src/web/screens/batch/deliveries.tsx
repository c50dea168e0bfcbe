// The notifications of a batch.
import { DeliveryList } from "../control/delivery-list.tsx";

export const BatchDeliveries = ({ batchId }: { readonly batchId: string }) => (
  <DeliveryList filter={{ batch_id: batchId }} empty="This batch notifies nobody" />
);
