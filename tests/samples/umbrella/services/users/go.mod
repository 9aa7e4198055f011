module users
