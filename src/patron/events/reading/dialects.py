"""What others call the events of the Ecommerce Spec v2 and their properties: its first version,
GA4, and those who write in camel case.

Sources: segment.com/docs/connections/spec/ecommerce/v1,
developers.google.com/analytics/devguides/collection/ga4/reference/events.
"""

V1_NAMES = {
    "Viewed Product Category": "Product List Viewed",
    "Viewed Promotion": "Promotion Viewed",
    "Clicked Promotion": "Promotion Clicked",
    "Clicked Product": "Product Clicked",
    "Viewed Product": "Product Viewed",
    "Added Product": "Product Added",
    "Removed Product": "Product Removed",
    "Started Order": "Checkout Started",
    "Viewed Checkout Step": "Checkout Step Viewed",
    "Completed Checkout Step": "Checkout Step Completed",
    "Completed Order": "Order Completed",
    "Updated Order": "Order Updated",
    "Refunded Order": "Order Refunded",
    "Cancelled Order": "Order Cancelled",
    "Order Canceled": "Order Cancelled",
}

GA4_NAMES = {
    "search": "Products Searched",
    "view_search_results": "Products Searched",
    "view_item_list": "Product List Viewed",
    "select_item": "Product Clicked",
    "view_item": "Product Viewed",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "view_cart": "Cart Viewed",
    "begin_checkout": "Checkout Started",
    "add_shipping_info": "Checkout Step Completed",
    "add_payment_info": "Payment Info Entered",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
    "view_promotion": "Promotion Viewed",
    "select_promotion": "Promotion Clicked",
    "add_to_wishlist": "Product Added to Wishlist",
    "remove_from_wishlist": "Product Removed from Wishlist",
}

GA4_ITEM = {
    "item_id": "product_id",
    "item_name": "name",
    "item_brand": "brand",
    "item_category": "category",
    "item_variant": "variant",
    "item_list_id": "list_id",
    "index": "position",
}
GA4_PROPERTY = {
    "transaction_id": "order_id",
    "search_term": "query",
    "item_list_id": "list_id",
    "creative_name": "creative",
    "creative_slot": "position",
    "promotion_name": "name",
    "payment_type": "payment_method",
    "shipping_tier": "shipping_method",
}
CAMEL = {
    "productId": "product_id",
    "cartId": "cart_id",
    "checkoutId": "checkout_id",
    "orderId": "order_id",
    "listId": "list_id",
    "imageUrl": "image_url",
    "couponId": "coupon_id",
    "couponName": "coupon_name",
    "wishlistId": "wishlist_id",
    "promotionId": "promotion_id",
    "reviewId": "review_id",
}
