"""What goes in and out under /api/v1."""

import marshmallow as ma

from auth_link.connections import STATES


class MeSchema(ma.Schema):
    account_id = ma.fields.String(required=True)
    user_id = ma.fields.String(required=True)
    name = ma.fields.String(required=True)
    roles = ma.fields.List(ma.fields.String(), required=True)


class ConnectionSchema(ma.Schema):
    id = ma.fields.String(required=True)
    tenant_id = ma.fields.String(required=True, metadata={"description": "Xero's id of the organisation."})
    tenant_name = ma.fields.String(required=True)
    state = ma.fields.String(required=True, validate=ma.validate.OneOf(STATES))
    connected_at = ma.fields.AwareDateTime(required=True)
    connected_by = ma.fields.String(required=True, metadata={"description": "Id of the user who connected last."})
    connected_by_name = ma.fields.String(required=True)
    authorisation = ma.fields.Integer(
        required=True, metadata={"description": "Raised by each consent and each disconnect."}
    )
    lost_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    lost_reason = ma.fields.String(required=True, allow_none=True)
    disconnected_at = ma.fields.AwareDateTime(required=True, allow_none=True)
    disconnected_by_name = ma.fields.String(required=True, allow_none=True)
    last_good_at = ma.fields.AwareDateTime(
        required=True,
        allow_none=True,
        metadata={"description": "When Xero last confirmed the connection; asked once a day."},
    )


class AuthorizeSchema(ma.Schema):
    authorize_url = ma.fields.Url(required=True, require_tld=False)


class CallbackQuery(ma.Schema):
    """RFC 6749, 4.1.2. Xero adds parameters of its own, which are ignored."""

    code = ma.fields.String(load_default="")
    state = ma.fields.String(load_default="")
    error = ma.fields.String(load_default="")


class TokenAskSchema(ma.Schema):
    refused_fingerprint = ma.fields.String(load_default=None, allow_none=True)


class RefusedSchema(ma.Schema):
    authorisation = ma.fields.Integer(required=True)


class TokenSchema(ma.Schema):
    access_token = ma.fields.String(required=True)
    expires_at = ma.fields.AwareDateTime(required=True)
    authorisation = ma.fields.Integer(required=True)
    tenant_id = ma.fields.String(required=True)
    fingerprint = ma.fields.String(required=True)
