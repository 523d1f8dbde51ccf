"""One page a file; `app` runs each as a script. The folder is not called `pages`: Streamlit would serve that past the login."""
