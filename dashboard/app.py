"""The dashboard's main script: who comes in, and which pages there are. Streamlit runs it anew at every click."""

from pathlib import Path

import streamlit as st

from dashboard import access, connections
from dashboard.frame import told

st.set_page_config(
    page_title="Propensity", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide"
)
st.html("<style>.stMainBlockContainer {padding: 3rem 2.5rem 4rem; max-width: 1560px; margin: auto}</style>")
with told():
    access.enter()
    page = st.navigation(
        [
            st.Page("views/overview.py", title="Overview", icon=":material/monitoring:", default=True),
            st.Page("views/targets.py", title="Users to target", icon=":material/group_add:"),
            st.Page("views/model.py", title="Model", icon=":material/neurology:"),
            st.Page("views/data.py", title="Data", icon=":material/database:"),
            st.Page("views/business.py", title="Business", icon=":material/trending_up:"),
            st.Page("views/operations.py", title="Operations", icon=":material/tune:"),
        ]
    )
    access.show_who()
    connections.warm_up()
    page.run()
