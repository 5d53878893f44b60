/**
 * The configuration of an nginx that serves the files below `root` from a directory of its own: Debian's settings where they matter
 * (sendfile, tcp_nopush, a worker for every core), no access log. `server`: lines of its `server` block.
 */
export function nginxConfig({ root, server }: { root: string; server: readonly string[] }): string {
  // Started by root its workers would be somebody who may not read a temporary directory.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  return `${user}
worker_processes auto;
daemon off;
pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    ${server.join('\n    ')}
    root ${root};
  }
}
`
}
