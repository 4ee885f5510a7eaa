"""Read gallery.yml and images.yml into validated settings, and create new galleries."""
