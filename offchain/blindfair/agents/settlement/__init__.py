"""Transactions, orders and finality: how an agent pays, is paid and knows that it was."""
