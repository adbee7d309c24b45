from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from . import tiktok
from .models import Order


@csrf_exempt  # so that the example works with curl
@require_POST
@transaction.atomic
def checkout(request: HttpRequest) -> JsonResponse:
    order = Order.objects.create(email=request.POST["email"], total=request.POST["total"])
    order.refresh_from_db()
    tiktok.report(order, request)
    return JsonResponse({"order": order.pk})


urlpatterns = [path("checkout", checkout)]
