{{- define "seatbus.selector" -}}
app.kubernetes.io/name: seatbus
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .name }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "seatbus.labels" -}}
{{ include "seatbus.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "seatbus.module" -}}
{{ .component.module | default (.name | replace "-" "_") }}
{{- end }}

{{/* "true" where no ClickHouse is named: reporting then holds the store itself. */}}
{{- define "seatbus.embeddedStore" -}}
{{ and (not .Values.clickhouse.url) (not .Values.clickhouse.secretName) }}
{{- end }}

{{/* "true" for a StatefulSet. */}}
{{- define "seatbus.stateful" -}}
{{- if and (eq (include "seatbus.module" .) "reporting") (eq (include "seatbus.embeddedStore" .root) "true") -}}
true
{{- else -}}
{{ .component.stateful | default false }}
{{- end }}
{{- end }}

{{/* Listeners of the edge beside UDP that are switched on, as YAML: name of the variable, then the port. */}}
{{- define "seatbus.sipListeners" -}}
{{- range $name, $port := dict "TCP" .Values.sip.tcpPort "TLS" .Values.sip.tlsPort "WS" .Values.sip.wsPort "WSS" .Values.sip.wssPort }}
{{- if $port }}
{{ $name }}: {{ $port }}
{{- end }}
{{- end }}
{{- end }}

{{/* What values.schema.json cannot say. */}}
{{- define "seatbus.check" -}}
{{- $v := .Values -}}
{{- if contains "." .Release.Name }}
{{- fail "the release's name becomes part of instance ids: it must have no dot" }}
{{- end }}
{{- if eq $v.environment "production" }}
{{- if not $v.sip.digestSecretName }}
{{- fail "sip.digestSecretName: required in production" }}
{{- end }}
{{- if not $v.nats.monitorUrl }}
{{- fail "nats.monitorUrl: required in production, where every NATS node must sync before it acknowledges" }}
{{- end }}
{{- end }}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.nodeCidrs) }}
{{- fail "networkPolicy.nodeCidrs: required, because SIP and RTP pods reach the others from their nodes' addresses" }}
{{- end }}
{{- if and (or $v.sip.tlsPort $v.sip.wssPort) (not $v.sip.tls.secretName) (eq $v.environment "production") }}
{{- fail "sip.tls.secretName: required in production for sip.tlsPort and sip.wssPort" }}
{{- end }}
{{- if and (or $v.sip.tls.clientCaKey $v.sip.tls.trunkCaKey) (not $v.sip.tls.secretName) }}
{{- fail "sip.tls.secretName: required for sip.tls.clientCaKey and sip.tls.trunkCaKey" }}
{{- end }}
{{- $taken := dict (toString $v.sip.port) "sip.port" }}
{{- range $name, $port := include "seatbus.sipListeners" . | fromYaml }}
{{- $key := toString $port }}
{{- if and (hasKey $taken $key) (not (and (eq $name "TCP") (eq $key (toString $v.sip.port)))) }}
{{- fail (printf "sip.%sPort: %s is also %s" (lower $name) $key (get $taken $key)) }}
{{- end }}
{{- $_ := set $taken $key (printf "sip.%sPort" (lower $name)) }}
{{- end }}
{{- range $name, $component := $v.components }}
{{- $where := printf "components.%s" $name }}
{{- $args := dict "root" $ "name" $name "component" $component }}
{{- $module := include "seatbus.module" $args }}
{{- $stateful := eq (include "seatbus.stateful" $args) "true" }}
{{- if gt (add (len $v.region) (len $.Release.Name) (len $name) 19) 64 }}
{{- fail (printf "%s: region, release and component together make instance ids longer than 64 characters" $where) }}
{{- end }}
{{- if and $stateful (not $component.volume) }}
{{- fail (printf "%s.volume: required, it keeps state" $where) }}
{{- end }}
{{- if and $stateful $component.autoscale }}
{{- fail (printf "%s.autoscale: only for Deployments" $where) }}
{{- end }}
{{- if and (eq $module "reporting") $stateful (gt (int $component.replicas) 1) }}
{{- fail (printf "%s.replicas: the embedded store is one process; set clickhouse.url or clickhouse.secretName for more" $where) }}
{{- end }}
{{- if and (eq $module "gateway") (not $component.ports.http) }}
{{- fail (printf "%s.ports.http: required" $where) }}
{{- end }}
{{- if eq $module "media" }}
{{- if not $component.rtp }}
{{- fail (printf "%s.rtp: required" $where) }}
{{- end }}
{{- if ge (int $component.rtp.portMin) (int $component.rtp.portMax) }}
{{- fail (printf "%s.rtp: portMax must be above portMin" $where) }}
{{- end }}
{{- end }}
{{- range $kind, $port := $component.ports }}
{{- $key := toString $port }}
{{- if hasKey $taken $key }}
{{- fail (printf "%s.ports.%s: %s is also %s" $where $kind $key (get $taken $key)) }}
{{- end }}
{{- $_ := set $taken $key (printf "%s.ports.%s" $where $kind) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "seatbus.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}
{{- end }}

{{/* Environment of every process, then what this service alone reads. */}}
{{- define "seatbus.env" -}}
{{- $v := .root.Values -}}
{{- $module := include "seatbus.module" . -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: SEATBUS_INSTANCE_ID, value: "{{ $v.region }}-$(POD_NAME)"}
{{- if .component.hostNetwork }}
# The node's inner address alone: gRPC, lane and metrics are not for the network that SIP and RTP face.
- name: SEATBUS_GRPC_HOST
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
{{- else }}
- {name: SEATBUS_GRPC_HOST, value: "0.0.0.0"}
{{- end }}
- name: SEATBUS_ADVERTISE_HOST
  valueFrom: {fieldRef: {fieldPath: {{ ternary "status.hostIP" "status.podIP" (.component.hostNetwork | default false) }}}}
- {name: SEATBUS_GRPC_PORT, value: {{ .component.ports.grpc | quote }}}
- {name: SEATBUS_LANE_PORT, value: {{ .component.ports.lane | quote }}}
- {name: SEATBUS_METRICS_PORT, value: {{ .component.ports.metrics | quote }}}
- {name: SEATBUS_DATA_DIR, value: /var/lib/seatbus}
- {name: SEATBUS_ENVIRONMENT, value: {{ $v.environment | quote }}}
- {name: SEATBUS_REGION, value: {{ $v.region | quote }}}
- {name: SEATBUS_LOG_LEVEL, value: {{ $v.logLevel | quote }}}
- {name: SEATBUS_NATS_URL, value: {{ $v.nats.url | quote }}}
{{- with $v.nats.monitorUrl }}
- {name: SEATBUS_NATS_MONITOR_URL, value: {{ . | quote }}}
{{- end }}
- {name: SEATBUS_JETSTREAM_REPLICAS, value: {{ $v.nats.replicas | quote }}}
- {name: SEATBUS_DRAIN_GRACE_S, value: {{ sub (.component.graceSeconds | default 45) 10 | quote }}}
{{- if $v.nats.credsSecretName }}
- {name: SEATBUS_NATS_CREDS, value: /run/seatbus/nats/nats.creds}
{{- else if $v.nats.secretName }}
{{ include "seatbus.secretEnv" (dict "name" "SEATBUS_NATS_USER" "secret" $v.nats.secretName "key" "user") }}
{{ include "seatbus.secretEnv" (dict "name" "SEATBUS_NATS_PASSWORD" "secret" $v.nats.secretName "key" "password") }}
{{- end }}
{{- with $v.otlpEndpoint }}
- {name: SEATBUS_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- if eq $module "sip_edge" }}
- {name: SEATBUS_SIP_HOST, value: "0.0.0.0"}
- {name: SEATBUS_SIP_PORT, value: {{ $v.sip.port | quote }}}
{{- range $name, $port := include "seatbus.sipListeners" .root | fromYaml }}
- {name: SEATBUS_SIP_{{ $name }}_PORT, value: {{ $port | quote }}}
{{- end }}
{{- with $v.sip.tls }}
{{- if .secretName }}
- {name: SEATBUS_SIP_TLS_CERT_FILE, value: /run/seatbus/tls/tls.crt}
- {name: SEATBUS_SIP_TLS_KEY_FILE, value: /run/seatbus/tls/tls.key}
{{- end }}
{{- with .clientCaKey }}
- {name: SEATBUS_SIP_TLS_CLIENT_CA_FILE, value: {{ printf "/run/seatbus/tls/%s" . }}}
{{- end }}
{{- with .trunkCaKey }}
- {name: SEATBUS_SIP_TLS_TRUNK_CA_FILE, value: {{ printf "/run/seatbus/tls/%s" . }}}
{{- end }}
{{- end }}
- {name: SEATBUS_SIP_REALM, value: {{ $v.sip.realm | quote }}}
- name: SEATBUS_SIP_ADVERTISED_HOST
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
{{- with $v.sip.digestSecretName }}
{{ include "seatbus.secretEnv" (dict "name" "SEATBUS_DIGEST_SECRET" "secret" . "key" "digest-secret") }}
{{- end }}
{{- with $v.tenancy.configKeySecretName }}
{{ include "seatbus.secretEnv" (dict "name" "SEATBUS_CONFIG_KEY" "secret" . "key" "config-key") }}
{{- end }}
{{- else if eq $module "media" }}
- {name: SEATBUS_RTP_HOST, value: "0.0.0.0"}
- {name: SEATBUS_RTP_PORT_MIN, value: {{ .component.rtp.portMin | quote }}}
- {name: SEATBUS_RTP_PORT_MAX, value: {{ .component.rtp.portMax | quote }}}
- name: SEATBUS_RTP_ADVERTISED_HOST
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
{{- else if eq $module "tenancy" }}
- {name: SEATBUS_SIP_REALM, value: {{ $v.sip.realm | quote }}}
{{- with $v.tenancy.configKeySecretName }}
{{ include "seatbus.secretEnv" (dict "name" "SEATBUS_CONFIG_KEY" "secret" . "key" "config-key") }}
{{- end }}
{{- else if eq $module "recording" }}
- {name: SEATBUS_RECORDING_DIR, value: /var/lib/seatbus/recordings}
{{- else if eq $module "reporting" }}
{{- if $v.clickhouse.secretName }}
{{ include "seatbus.secretEnv" (dict "name" "SEATBUS_STORE_URL" "secret" $v.clickhouse.secretName "key" "url") }}
{{- else }}
- {name: SEATBUS_STORE_URL, value: {{ $v.clickhouse.url | default "chdb:///var/lib/seatbus/store" | quote }}}
{{- end }}
{{- else if eq $module "gateway" }}
- {name: SEATBUS_HTTP_HOST, value: "0.0.0.0"}
- {name: SEATBUS_HTTP_PORT, value: {{ .component.ports.http | quote }}}
- {name: SEATBUS_WEB_DIR, value: /opt/seatbus/web}
- {name: SEATBUS_OPERATOR_KEY_FILE, value: /run/seatbus/operator/operator.key}
{{- end }}
{{- range $key, $value := .component.env }}
- {name: {{ $key }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
