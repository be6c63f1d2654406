"""The linear datamodelling score on texts: do sums of scores predict what retraining on a half does?

scores     our scores of texts, and the peers', who are asked by files
worlds     a small GPT-2 that is fine-tuned, and a head on MiniLM
measures   the score with a bootstrap over halves
report     the tables and the page
"""
