"""ALUM in a training loop of your own: one line computes the loss, and nothing else changes.

A tiny BERT learns the miniature entailment task. Run it again with `ALUM(alpha=0.0)` for the standard loss.
"""

import torch
from torch.utils.data import DataLoader
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, set_seed

from alumbench import ALUM, StepContext, load_data, make_tiny_bert

set_seed(1)
train, dev = load_data("mini-nli", "train"), load_data("mini-nli", "dev")
names = train.label_names
make_tiny_bert("tiny-bert", [text for pair in train.texts for text in pair])

tokenizer = AutoTokenizer.from_pretrained("tiny-bert")
model = AutoModelForSequenceClassification.from_pretrained("tiny-bert", num_labels=len(names)).train()


def encode(data) -> list[dict]:
    """Examples as token ids with their label's number."""
    premises, hypotheses = zip(*data.texts)
    encoded = tokenizer(list(premises), list(hypotheses))
    return [
        {**{name: encoded[name][at] for name in encoded}, "labels": label} for at, label in enumerate(data.label_ids)
    ]


collate = DataCollatorWithPadding(tokenizer)
batches = DataLoader(encode(train), batch_size=32, shuffle=True, collate_fn=collate)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

method = ALUM(alpha=1.0)
context = StepContext.start(tokenizer, seed=1)
method.prepare(model)
for step, batch in enumerate(batches):
    context = context.next(batch)
    loss = method.loss(model, batch, context)  # instead of: loss = model(**batch).loss
    loss.total.backward()
    optimizer.step()
    optimizer.zero_grad()
    if step % 20 == 0:
        parts = "  ".join(f"{name} {float(part):.2g}" for name, part in loss.parts.items())
        print(f"step {step:3d}  loss {loss.total.item():.3f}  {parts}")
method.finish(model)

model.eval()
right = total = 0
with torch.no_grad():
    for batch in DataLoader(encode(dev), batch_size=64, collate_fn=collate):
        labels = batch.pop("labels")
        right += int((model(**batch).logits.argmax(-1) == labels).sum())
        total += len(labels)
print(f"dev accuracy {right / total:.3f}, n={total}")

model.config.id2label = dict(enumerate(names))
model.config.label2id = {name: at for at, name in enumerate(names)}
model.save_pretrained("alum-nli")
tokenizer.save_pretrained("alum-nli")
print("next: alumbench attack alum-nli --task mini-nli --suite smoke")
