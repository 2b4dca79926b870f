# Sourced by image-build/jeos: the disk as a stream-optimized VMDK, and with a description of its machine as an OVA
# (DMTF DSP0243 1.1.0, which VMware, virt-v2v and oVirt read).
# shellcheck shell=bash disable=SC2154 # it shares the variables of jeos

# make_vmdk RAW VMDK
make_vmdk() {
  qemu-img create -q -f vmdk -o subformat=streamOptimized,adapter_type=lsilogic,hwversion=10 "$2" "$(stat -c %s "$1")"
  /usr/bin/python3 "$project/image-build/lib/fill-vmdk.py" "$1" "$2"
}

# ovf_descriptor NAME VMDK_FILE VMDK_BYTES CAPACITY_BYTES OS: prints it. OS is "debian" or "ubuntu".
ovf_descriptor() {
  local name=$1 file=$2 bytes=$3 capacity=$4 os=$5 cim=96 vmware=debian10_64Guest
  [ "$os" = debian ] || { cim=94 vmware=ubuntu64Guest; }
  cat <<OVF
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
    xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
    xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:id="file1" ovf:href="$file" ovf:size="$bytes"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="$capacity" ovf:capacityAllocationUnits="byte" \
ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The network of the first device</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="$name">
    <Info>A small machine with cloud-init and the in-guest agent of Heat</Info>
    <Name>$name</Name>
    <OperatingSystemSection ovf:id="$cim" vmw:osType="$vmware">
      <Info>The guest operating system</Info>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>$name</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-10</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:Description>Number of virtual CPUs</rasd:Description>
        <rasd:ElementName>1 virtual CPU</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>1</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:Description>Memory size</rasd:Description>
        <rasd:ElementName>512 MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>512</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:Description>SCSI controller</rasd:Description>
        <rasd:ElementName>SCSI controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Hard disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/disk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>1</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>VM Network</rasd:Connection>
        <rasd:Description>Network device</rasd:Description>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
OVF
}

# make_ova NAME VMDK RAW OVA WORK OS: the descriptor comes first, then the sums, then the disk, so that a reader needs one pass.
make_ova() {
  local name=$1 vmdk=$2 raw=$3 ova=$4 place=$5/ova os=$6
  mkdir "$place"
  ln "$vmdk" "$place/$name-disk1.vmdk"
  ovf_descriptor "$name" "$name-disk1.vmdk" "$(stat -c %s "$vmdk")" "$(stat -c %s "$raw")" "$os" >"$place/$name.ovf"
  (cd "$place" && sha256sum "$name.ovf" "$name-disk1.vmdk" | sed -E 's/^([0-9a-f]+)  (.*)$/SHA256(\2)= \1/' >"$name.mf")
  tar -C "$place" --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=0644 \
    -cf "$ova" "$name.ovf" "$name.mf" "$name-disk1.vmdk"
  rm -r "$place"
}
