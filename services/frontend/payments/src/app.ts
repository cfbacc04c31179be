export const APP = "frontend-payments";
