"""Why a user got this answer: what each feature added to it, exactly."""
