"""What all pages share: tokens, components, drawing, the frame and the way a page is answered; knows no slice."""
