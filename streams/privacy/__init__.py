"""What a patient can ask for, and what time asks for: erasure, retention, new master keys."""
