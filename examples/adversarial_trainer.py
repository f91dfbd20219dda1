"""`AdversarialTrainer` takes every argument of `transformers.Trainer`, and a method.

A tiny BERT learns the miniature sentiment task with ALUM; then the checkpoint is attacked.
"""

from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainingArguments

import alumbench as ab

train, dev = ab.load_data("mini-sentiment", "train"), ab.load_data("mini-sentiment", "dev")
names = train.label_names

ab.make_tiny_bert("tiny-bert", train.texts)
tokenizer = AutoTokenizer.from_pretrained("tiny-bert")
model = AutoModelForSequenceClassification.from_pretrained(
    "tiny-bert", id2label=dict(enumerate(names)), label2id={name: at for at, name in enumerate(names)}
)


def encode(data) -> Dataset:
    """Examples as token ids with their label's number."""
    return Dataset.from_dict({**tokenizer(data.texts), "labels": data.label_ids})


trainer = ab.AdversarialTrainer(
    method=ab.ALUM(alpha=1.0),
    model=model,
    args=TrainingArguments(
        "trainer-output",
        num_train_epochs=2,
        per_device_train_batch_size=32,
        learning_rate=2e-3,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=75,
        report_to=[],
        seed=1,
        use_cpu=True,
        disable_tqdm=True,
    ),
    train_dataset=encode(train),
    eval_dataset=encode(dev),
    processing_class=tokenizer,
    compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(-1) == found.label_ids).mean())},
)
trainer.train()
trainer.save_model("alum-sentiment")

result = ab.evaluate("alum-sentiment", "smoke", task="mini-sentiment", limit=15, device="cpu", progress=False)
print(result)
