# Run in the guest: one line for each thing that the template asks for, and what becomes of a service that dies.
# shellcheck shell=bash
rpm -qa --queryformat '%{NAME} %{VERSION}\n' | sort
for unit in crond httpd mysqld; do echo "$unit $(systemctl is-active $unit) $(systemctl is-enabled $unit 2>/dev/null)"; done
stat -c '%a %U:%G %n' /etc/cfn/{cfn-credentials,cfn-hup.conf,hooks.conf,notify-on-httpd-restarted} /tmp/{cfn-hup-crontab.txt,setup.mysql}
cat /var/lib/mysql.statements
grep define /etc/wordpress/wp-config.php
tail -n 1 /var/lib/root.crontab
systemctl kill --signal KILL httpd
# As the crontab says.
/opt/aws/bin/cfn-hup -f
echo "cfn-hup: exit code $?, httpd $(systemctl is-active httpd), starts: $(wc -l </var/lib/httpd.starts)"
