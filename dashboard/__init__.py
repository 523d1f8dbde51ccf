"""The dashboard: Streamlit pages over store and registry, read-only but for requests to the ledger."""
