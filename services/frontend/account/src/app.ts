export const APP = "frontend-account";
