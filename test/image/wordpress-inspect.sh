# Run in the guest: one line for each thing that the template asks for.
# shellcheck shell=bash
dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' apache2 mysql-server wordpress
for unit in apache2 mysql; do echo "$unit $(systemctl is-active $unit) $(systemctl is-enabled $unit 2>/dev/null), starts: $(wc -l </var/lib/$unit.starts)"; done
stat -c '%a %U:%G %n' /etc/cfn/cfn-credentials /etc/cfn/cfn-hup.conf /root/setup.mysql /etc/apache2/conf-enabled/weblog.conf
cat /var/lib/mysql.statements /usr/share/wordpress/wp-config.php
echo "site: $(head -n 1 /etc/apache2/conf-enabled/weblog.conf)"
