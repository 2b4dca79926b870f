# Where Heat's guests find their user data, unless the caller knows better.
export DIB_CLOUD_INIT_DATASOURCES=${DIB_CLOUD_INIT_DATASOURCES:-"ConfigDrive, OpenStack, Ec2"}
export DIB_CFNTOOLS_PACKAGE=${DIB_CFNTOOLS_PACKAGE:-}
