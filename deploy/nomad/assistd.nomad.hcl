# API processes and sandbox hosts on Nomad clients, as programs of the machine (driver raw_exec): a container's filter
# refuses the namespaces that sessions need. assistd is installed in /opt/assistd, and its user is `assistd`.

variable "datacenters" {
  type    = list(string)
  default = ["dc1"]
}

variable "api_count" {
  type    = number
  default = 2
}

job "assistd" {
  datacenters = var.datacenters
  type        = "service"

  update {
    max_parallel     = 1
    min_healthy_time = "10s"
    healthy_deadline = "5m"
    auto_revert      = true
  }

  group "api" {
    count = var.api_count

    constraint {
      distinct_hosts = true
    }

    network {
      port "http" {
        static = 8484
      }
      port "hosts" {
        static = 8485
      }
      port "metrics" {
        static = 9464
      }
    }

    service {
      name     = "assistd"
      port     = "http"
      provider = "nomad"

      check {
        type     = "http"
        path     = "/health/ready"
        interval = "2s"
        timeout  = "5s"
      }
    }

    service {
      name     = "assistd-hosts"
      port     = "hosts"
      provider = "nomad"
    }

    task "api" {
      driver       = "raw_exec"
      user         = "assistd"
      kill_signal  = "SIGTERM"
      kill_timeout = "90s"

      config {
        command = "/opt/assistd/bin/assistd"
        args    = ["serve", "--host", "0.0.0.0", "--workers", "2"]
      }

      env {
        ASSISTD_DATA_DIR           = "/var/lib/assistd"
        ASSISTD_CACHE_DIR          = "/var/cache/assistd"
        ASSISTD_HOSTS_LISTEN       = "0.0.0.0:8485"
        ASSISTD_HOSTS_CERTIFICATES = "/etc/assistd/certificates"
        ASSISTD_METRICS_LISTEN     = "0.0.0.0:9464"
        ASSISTD_DRAIN_SECONDS      = "60"
      }

      # The database, the bucket and the upstream's key, from a Nomad variable.
      template {
        data        = <<-EOT
          {{ with nomadVar "nomad/jobs/assistd" }}
          ASSISTD_DATABASE_URL={{ .database_url }}
          ASSISTD_BLOBS_URL={{ .blobs_url }}
          AWS_ACCESS_KEY_ID={{ .aws_access_key_id }}
          AWS_SECRET_ACCESS_KEY={{ .aws_secret_access_key }}
          ASSISTD_UPSTREAM_BASE_URL={{ .upstream_base_url }}
          ASSISTD_UPSTREAM_API_KEY={{ .upstream_api_key }}
          {{ end }}
        EOT
        destination = "secrets/assistd.env"
        env         = true
      }

      resources {
        cpu    = 2000
        memory = 1024
      }
    }
  }

  # One on each client of the class `sandbox`: add a client, and set the count.
  group "host" {
    count = 3

    constraint {
      attribute = "${node.class}"
      value     = "sandbox"
    }

    constraint {
      distinct_hosts = true
    }

    network {
      port "sessions" {
        static = 8486
      }
    }

    task "host" {
      driver       = "raw_exec"
      user         = "assistd"
      kill_signal  = "SIGTERM"
      kill_timeout = "60s"

      # Where API processes hear hosts: all of them, of which gRPC takes one that answers.
      template {
        data        = <<-EOT
          JOIN=ipv4:{{ range $i, $each := nomadService "assistd-hosts" }}{{ if $i }},{{ end }}{{ .Address }}:{{ .Port }}{{ end }}
        EOT
        destination = "local/join.env"
        env         = true
        change_mode = "noop"
      }

      config {
        command = "/opt/assistd/bin/assistd"
        args = [
          "host",
          "--join=${JOIN}",
          "--listen=0.0.0.0:8486",
          "--address=${NOMAD_ADDR_sessions}",
          "--memory-mib=14400",
        ]
      }

      env {
        ASSISTD_DATA_DIR           = "/var/lib/assistd"
        ASSISTD_CACHE_DIR          = "/var/cache/assistd"
        ASSISTD_HOSTS_CERTIFICATES = "/etc/assistd/certificates"
      }

      resources {
        cpu    = 4000
        memory = 16000
      }
    }
  }
}
